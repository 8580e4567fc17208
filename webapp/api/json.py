"""Write JSON, and list the keys of every resource, in one place."""

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Response

# RFC 3339 with Z; microseconds only where there are some.
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE

STEP_KEYS = (
    "id",
    "run_id",
    "step_name",
    "step_type",
    "status",
    "command",
    "output",
    "error",
    "started_at",
    "completed_at",
    "duration_ms",
    "created_at",
    "updated_at",
)


def json_response(value: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    body = orjson.dumps(value, option=_OPTIONS)
    return Response(body, status=status, mimetype="application/json")


def rows_to_dicts(rows: Iterable[Any], keys: Iterable[str]) -> list[dict[str, Any]]:
    """Return the rows as objects of exactly these keys, in this order."""
    names = tuple(keys)
    return [{name: getattr(row, name) for name in names} for row in rows]


def list_response(data: list[dict[str, Any]], total: int, offset: int, limit: int) -> Response:
    """Return one page of a list as documented."""
    pagination = {"total": total, "offset": offset, "limit": limit}
    return json_response({"data": data, "pagination": pagination})
