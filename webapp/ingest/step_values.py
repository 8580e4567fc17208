"""Turn records into the values of their rows, and tell which of a step changed; pure."""

import re
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

from .preview import count_lines, preview_line
from .records import ArtifactRecord, RunRecord, StepRecord

_SURROGATE = re.compile("[\ud800-\udfff]")

# A row never changes its texts without changing one of these; comparing them spares reading
# outputs of 11 MB to find nothing new.
COMPARED = (
    "run_id",
    "status",
    "step_type",
    "workspace",
    "step_name",
    "module_name",
    "recovered",
    "position",
    "duration_ms",
    "started_at",
    "completed_at",
    "source_key",
    "output_bytes",
    "error",
)


class StepValues(NamedTuple):
    """A step's values by column, but for `id` and `source_id`."""

    run_id: int
    status: str
    step_type: str
    workspace: str
    step_name: str
    module_name: str
    recovered: str
    position: int
    duration_ms: int
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    source_key: str
    preview: str
    output_bytes: int
    output_lines: int
    error: str
    exports: Any
    command: str
    output: str


def step_values(record: StepRecord) -> StepValues:
    """Return what is written of a step."""
    output = storable_text(record.output)
    error = storable_text(record.error)
    command = storable_text(record.command)
    return StepValues(
        run_id=record.run_id,
        status=record.status.value,
        step_type=_storable_name(record.step_type),
        workspace=_storable_name(record.workspace),
        step_name=_storable_name(record.step_name),
        module_name=_storable_name(record.module_name),
        recovered=record.recovered.value,
        position=record.position,
        duration_ms=record.duration_ms,
        started_at=record.started_at,
        completed_at=record.completed_at,
        created_at=record.created_at,
        updated_at=record.updated_at,
        source_key=record.source_key,
        preview=preview_line(record.status, error, output, command),
        output_bytes=len(output) if output.isascii() else len(output.encode()),
        output_lines=count_lines(output),
        error=error,
        exports=storable_json(record.exports),
        command=command,
        output=output,
    )


def is_changed(old: Any, new: StepValues) -> bool:
    """Tell whether a row of the columns COMPARED differs from what the source says now."""
    return any(getattr(old, name) != getattr(new, name) for name in COMPARED)


def storable_text(text: str) -> str:
    """Return a text that every engine keeps: NUL becomes U+2400, a lone surrogate U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "␀")
    if text.isascii():
        return text
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


# Steps share their names, types and workspaces; such texts are short.
_storable_name = lru_cache(4_096)(storable_text)


def storable_values(record: RunRecord | ArtifactRecord) -> dict[str, Any]:
    """Return the values of a record by name, with every text storable."""
    return {one.name: storable_json(getattr(record, one.name)) for one in fields(record)}


def storable_json(value: Any) -> Any:
    """Return the same JSON value with every text in it storable; what is no number becomes null."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {storable_text(key): storable_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable_json(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
