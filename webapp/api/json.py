"""Write JSON, and list the keys of every resource, in one place."""

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Response

from .paging import Paging

# RFC 3339 with Z; microseconds only where there are some.
_TIMES = orjson.OPT_UTC_Z
JSON_TYPE = "application/json"

# The documented step; nothing may be added to it.
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
# What follows in the lists of our own, after the `run_uuid`.
STEP_MORE_KEYS = ("workspace", "module_name", "position", "recovered", "exports")
STEP_OF_RUN_KEYS = (*STEP_KEYS, "run_uuid", *STEP_MORE_KEYS)
# What only a single step has besides.
STEP_DETAIL_KEYS = ("source_key", "output_bytes", "output_lines")
RUN_KEYS = (
    "id",
    "run_uuid",
    "workflow_name",
    "workflow_kind",
    "target",
    "workspace",
    "status",
    "error",
    "trigger_type",
    "trigger_name",
    "run_group_id",
    "run_priority",
    "run_mode",
    "params",
    "total_steps",
    "completed_steps",
    "steps_pending",
    "steps_running",
    "steps_completed",
    "steps_failed",
    "steps_skipped",
    "started_at",
    "completed_at",
    "created_at",
    "updated_at",
    "source_key",
)
ARTIFACT_KEYS = (
    "id",
    "run_id",
    "workspace",
    "name",
    "artifact_path",
    "artifact_type",
    "content_type",
    "size_bytes",
    "line_count",
    "optional",
    "description",
    "created_at",
)
SOURCE_KEYS = (
    "id",
    "name",
    "kind",
    "path",
    "workspaces_path",
    "created_at",
    "imported_at",
    "import_began_at",
    "import_error",
    "summary",
)
AUDIT_KEYS = (
    "id",
    "created_at",
    "action",
    "actor",
    "means",
    "address",
    "request_id",
    "subject",
    "details",
)


def dumps(value: Any) -> bytes:
    """Return JSON, without a newline at its end."""
    return orjson.dumps(value, option=_TIMES)


def json_response(value: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    body = orjson.dumps(value, option=_TIMES | orjson.OPT_APPEND_NEWLINE)
    return Response(body, status=status, mimetype=JSON_TYPE)


def row_to_dict(row: Any, keys: Iterable[str]) -> dict[str, Any]:
    """Return a row as an object of exactly these keys, in this order."""
    return {key: getattr(row, key) for key in keys}


def rows_to_dicts(rows: Iterable[Any], keys: Iterable[str]) -> list[dict[str, Any]]:
    """Return the rows as objects of exactly these keys, in this order."""
    names = tuple(keys)
    return [row_to_dict(row, names) for row in rows]


def full_step_to_dict(step: Any, run_uuid: str) -> dict[str, Any]:
    """Return a single step with the documented keys first and ours after them."""
    documented = row_to_dict(step, STEP_KEYS)
    more = row_to_dict(step, (*STEP_MORE_KEYS, *STEP_DETAIL_KEYS))
    return {**documented, "run_uuid": run_uuid, **more}


def list_response(data: list[Any], paging: Paging) -> Response:
    """Return one page of a list as documented."""
    return with_links(json_response({"data": data, "pagination": paging.to_dict()}), paging)


def with_links(response: Response, paging: Paging) -> Response:
    """Add the links from a page to the others of its list."""
    if links := paging.link_header():
        response.headers["Link"] = links
    return response
