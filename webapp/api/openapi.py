"""Make the OpenAPI document of the API, from what its routes check and send."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
from flask import Flask, request
from werkzeug.routing import Rule

from ..auth import ADMIN_ENDPOINTS, PUBLIC_ENDPOINTS
from ..config import PROJECT, VERSION
from ..filters import Parameter, record, values_schema
from .describing import Operation
from .resources import CURSOR_PAGINATION, ERROR, PAGINATION, reference
from .wording import ERRORS, INTRODUCTION, PARAMETERS, TITLE

Json = dict[str, Any]
BLUEPRINTS = ("api", "health")
EXAMPLES = PROJECT / "webapp" / "api" / "examples"
JSON_TYPE = "application/json"
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token."},
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-osm-api-key",
        "description": "A token, where `Authorization` is taken.",
    },
}
_PLACE = re.compile(r"<([^:>]+):([^>]+)>")
# By the converter of a place in an address.
PLACES: dict[str, Json] = {
    "int": {"title": "whole number", "type": "integer", "minimum": 0},
    "string": {"title": "text", "type": "string", "minLength": 1, "pattern": "^[^/]+$"},
}
HEADERS = {
    401: {
        "WWW-Authenticate": {
            "required": True,
            "description": "How to send a token.",
            "schema": {"type": "string"},
        }
    },
    429: {
        "Retry-After": {
            "required": True,
            "description": "After how many seconds to try again.",
            "schema": {"type": "integer", "minimum": 0},
        }
    },
    503: {
        "Retry-After": {
            "description": "After how many seconds to try again.",
            "schema": {"type": "integer", "minimum": 0},
        }
    },
}


LINK: Json = {
    "description": "The addresses of the pages `first`, `prev`, `next` and `last` (RFC 8288), as "
    "paths; by a cursor `next` alone.",
    "schema": {"type": "string"},
}
ETAG: Json = {
    "description": "Sent back as `If-None-Match`, it asks whether anything has changed. None where "
    "the query goes by the clock (`started=24h`).",
    "schema": {"type": "string", "pattern": '^W/".+"$'},
}
NOT_MODIFIED = "Nothing has changed since the answer whose `ETag` was sent as `If-None-Match`."


class Described:
    """One route of the API with its description; raises LookupError for one without."""

    def __init__(self, app: Flask, rule: Rule) -> None:
        """Take the route apart."""
        view = app.view_functions[rule.endpoint]
        found = getattr(view, "operation", None)
        if found is None:
            raise LookupError(f"{rule.endpoint} has no description: see webapp/api/describing.py")
        self.rule = rule
        self.operation: Operation = found
        self.name = rule.endpoint.rpartition(".")[2]
        self.path = _PLACE.sub(r"{\2}", rule.rule)
        self.method = min((rule.methods or set()) - {"HEAD", "OPTIONS"}).lower()
        self.summary, _, rest = (view.__doc__ or "").strip().partition("\n")
        self.details = re.sub(r"\s+", " ", rest).strip()
        self.is_public = rule.endpoint in PUBLIC_ENDPOINTS

    def parameters(self) -> list[Json]:
        """Return those of the path, then those of the query string."""
        query = record(self.operation.query) if self.operation.query else []
        path = _PLACE.findall(self.rule.rule)
        return [*(_describe_place(*place) for place in path), *map(_describe, query)]


def make_document(app: Flask) -> Json:
    """Return the document of an application; it is made once, but for the address."""
    if "openapi" not in app.extensions:
        app.extensions["openapi"] = _make_document(app)
    document: Json = app.extensions["openapi"]
    return {**document, "servers": [{"url": request.script_root or "/"}]}


def _make_document(app: Flask) -> Json:
    routes = list(find_routes(app))
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.1",
        "info": {"title": TITLE, "version": VERSION, "description": INTRODUCTION},
        "servers": [],
        "security": [{name: []} for name in SECURITY],
        "tags": [{"name": name} for name in dict.fromkeys(map(_tag, routes))],
        "paths": paths,
        "components": {"schemas": _schemas(routes), "securitySchemes": SECURITY},
    }


def find_routes(app: Flask) -> Iterator[Described]:
    """Find the routes of the API, by their addresses."""
    rules = (rule for rule in app.url_map.iter_rules() if is_of_api(rule))
    for rule in sorted(rules, key=lambda rule: (not rule.rule.startswith("/osm"), rule.rule)):
        yield Described(app, rule)


def is_of_api(rule: Rule) -> bool:
    """Tell whether a route is one that scripts use."""
    return rule.endpoint.partition(".")[0] in BLUEPRINTS


def find_errors(route: Described) -> dict[int, str]:
    """Return the statuses of the errors that a route can answer, each with what it means."""
    operation = route.operation
    can_happen = {
        400: True,  # A query string that is not UTF-8.
        401: not route.is_public,
        403: route.rule.endpoint in ADMIN_ENDPOINTS,
        404: bool(route.rule.arguments),
        408: operation.body is not None,
        413: operation.body is not None,
        414: True,
        503: operation.asks_database or not route.is_public,
    }
    found = {status: ERRORS[status] for status, can in can_happen.items() if can}
    return dict(sorted({**found, **operation.errors}.items()))


def _operation(route: Described) -> Json:
    described: Json = {
        "operationId": route.name,
        "tags": [_tag(route)],
        "summary": route.summary,
        "responses": _responses(route),
    }
    if route.details:
        described["description"] = route.details
    if parameters := route.parameters():
        described["parameters"] = parameters
    if route.operation.body is not None:
        content = {JSON_TYPE: {"schema": route.operation.body}}
        described["requestBody"] = {"required": True, "content": content}
    if route.is_public:
        described["security"] = []
    return described


def _tag(route: Described) -> str:
    """Return what the routes of one noun have in common: the first word of their address."""
    first = route.path.removeprefix("/osm/api").split("/")[1]
    return {"login": "tokens", "logout": "tokens", "health": "server", "server-info": "server"}.get(
        first, first
    )


def _describe_place(converter: str, name: str) -> Json:
    schema, says = PLACES[converter], PARAMETERS[name]
    return {"name": name, "in": "path", "required": True, "description": says, "schema": schema}


def _describe(parameter: Parameter) -> Json:
    is_list = parameter.is_repeatable or parameter.is_joined
    default = {"style": "form", "explode": not parameter.is_joined} if is_list else {}
    return {
        "name": parameter.name,
        "in": "query",
        "description": PARAMETERS[parameter.name],
        **default,
        "schema": values_schema(parameter),
    }


def _responses(route: Described) -> Json:
    answer = route.operation.answer
    media: Json = {"schema": answer.schema}
    if route.operation.example:
        path = EXAMPLES / f"{route.operation.example}.json"
        media["examples"] = {route.operation.example: {"value": orjson.loads(path.read_bytes())}}
    good: Json = {"description": answer.says, "content": {JSON_TYPE: media}}
    if headers := _headers(route):
        good["headers"] = headers
    found = {str(route.operation.status): good}
    if route.operation.is_versioned:
        found["304"] = {"description": NOT_MODIFIED, "headers": {"ETag": ETAG}}
    errors = {str(status): _error(status, says) for status, says in find_errors(route).items()}
    return {**found, **errors}


def _headers(route: Described) -> Json:
    """Return the headers of a good answer."""
    is_page = "pagination" in route.operation.answer.schema.get("properties", {})
    headers = {"Link": LINK} if is_page else {}
    return {**headers, "ETag": ETAG} if route.operation.is_versioned else headers


def _error(status: int, says: str) -> Json:
    content = {JSON_TYPE: {"schema": reference("Error")}}
    described: Json = {"description": says, "content": content}
    return {**described, "headers": HEADERS[status]} if status in HEADERS else described


def _schemas(routes: list[Described]) -> Json:
    """Return the schemas that the answers refer to, by name."""
    resources: dict[str, Json] = {}
    for route in routes:
        resources.update(route.operation.answer.schemas)
    paginations = {"Pagination": PAGINATION, "CursorPagination": CURSOR_PAGINATION}
    return {**dict(sorted(resources.items())), **paginations, "Error": ERROR}
