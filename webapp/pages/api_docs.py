"""Show the API's document to people."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
from flask import current_app, render_template, request

from ..api.openapi import make_document
from ..filters import NOT
from ..formats import curl_line, shell_quote
from . import bp

Json = dict[str, Any]
# What a script can do without; the others are sent with the token.
ANYBODY: list[Any] = []
WORDS = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "null",
}


class Row(NamedTuple):
    """One parameter or key: its name, in words what it can be, which values, and what it means."""

    name: str
    kind: str
    values: list[str]
    says: str


class Operation(NamedTuple):
    """One thing that a script can do, as the page shows it."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    is_public: bool
    parameters: list[Row]
    answers: list[Row]
    line: str


class Resource(NamedTuple):
    """One kind of object that answers are made of."""

    name: str
    keys: list[Row]


@bp.get("/api-docs")
def show_api_docs() -> str:
    """Show what the API can do: parameters, answers, and a line to try each with."""
    document = make_document(current_app)
    return render_template(
        "api_docs/show.html",
        info=document["info"],
        operations=list(find_operations(document)),
        resources=[
            Resource(name, _keys(schema))
            for name, schema in document["components"]["schemas"].items()
        ],
    )


def find_operations(document: Json) -> Iterator[Operation]:
    """Return the operations of a document, in its order."""
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            is_public = one.get("security") == ANYBODY
            yield Operation(
                one["operationId"],
                method.upper(),
                path,
                one["summary"],
                one.get("description", ""),
                is_public,
                [*map(_parameter, one.get("parameters", [])), *_keys(_body_of(one))],
                [_answer(status, answer) for status, answer in one["responses"].items()],
                _line(method, path, one, is_public),
            )


def _parameter(parameter: Json) -> Row:
    schema = parameter["schema"]
    one = schema.get("items", schema)
    kind = one["title"]
    if schema.get("uniqueItems"):
        kind += ", several with commas between them"
    elif schema is not one:
        kind += ", may be repeated"
    if "default" in one:
        kind += f", by default {one['default']}"
    # With the mark each stands there once more; the sentence says so.
    values = [value for value in one.get("enum", ()) if not value.startswith(NOT)]
    return Row(parameter["name"], kind, values, parameter["description"])


def _answer(status: str, answer: Json) -> Row:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    data = schema.get("properties", {}).get("data", {})
    items = data.get("items", {})
    targets = [one.get("$ref", "") for one in (schema, *items.get("anyOf", [items]))]
    names = [target.rpartition("/")[2] for target in targets if target]
    return Row(status, "page" if data else "", names, answer["description"])


def _body_of(operation: Json) -> Json:
    content: Json = operation.get("requestBody", {}).get("content", {})
    body: Json = content.get("application/json", {}).get("schema", {})
    return body


def _keys(schema: Json) -> list[Row]:
    """Return the keys of an object, each with what it can be."""
    return [
        Row(name, _words(one), list(map(str, one.get("enum", ()))), one.get("description", ""))
        for name, one in schema.get("properties", {}).items()
    ]


def _words(schema: Json) -> str:
    given = schema["type"]
    types = [given] if isinstance(given, str) else given
    words = [WORDS[one] for one in types]
    if schema.get("format") == "date-time":
        words[0] = "time"
    return " or ".join(words)


def _line(method: str, path: str, operation: Json, is_public: bool) -> str:
    """Return a line for a shell that does it; `1` stands where an address has a place."""
    for parameter in operation.get("parameters", ()):
        path = path.replace(f"{{{parameter['name']}}}", "1")
    url = request.url_root.rstrip("/") + path
    if body := _body_of(operation):
        example = orjson.dumps(body["examples"][0]).decode()
        return f"curl -d {shell_quote(example)} {shell_quote(url)}"
    line = f"curl {shell_quote(url)}" if is_public else curl_line(url)
    return line if method == "get" else line.replace("curl ", f"curl -X {method.upper()} ", 1)
