"""Turn a step record into the values of its row, and tell which of them changed; pure."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from .preview import count_lines, preview_line
from .records import StepRecord

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


def step_values(record: StepRecord) -> dict[str, Any]:
    """Return the row's values by column, but for `id` and `source_id`."""
    output = storable_text(record.output)
    error = storable_text(record.error)
    command = storable_text(record.command)
    return {
        "run_id": record.run_id,
        "status": record.status.value,
        "step_type": storable_text(record.step_type),
        "workspace": storable_text(record.workspace),
        "step_name": storable_text(record.step_name),
        "module_name": storable_text(record.module_name),
        "recovered": record.recovered.value,
        "position": record.position,
        "duration_ms": record.duration_ms,
        "started_at": record.started_at,
        "completed_at": record.completed_at,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "source_key": record.source_key,
        "preview": preview_line(record.status, error, output, command),
        "output_bytes": len(output) if output.isascii() else len(output.encode()),
        "output_lines": count_lines(output),
        "error": error,
        "exports": storable_json(record.exports),
        "command": command,
        "output": output,
    }


def is_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether a row in the database differs from what the source says now."""
    return any(old[name] != new[name] for name in COMPARED)


def storable_text(text: str) -> str:
    """Return a text that every engine keeps: NUL becomes U+2400, a lone surrogate U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "␀")
    if text.isascii():
        return text
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def storable_json(value: Any) -> Any:
    """Return the same JSON value with every text in it storable; what is no number becomes null."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {storable_text(key): storable_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable_json(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
