"""Read single values of an Osmedeus database, whatever stands there; pure."""

import json
from typing import Any

import orjson

from ...filters import MAX_INTEGER


def as_text(value: object) -> str:
    """Return a column's value as text; NULL is empty, bytes that are no UTF-8 become U+FFFD."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def as_number(value: object) -> int:
    """Return a column's value as a whole number that every engine keeps; what is none is 0."""
    if not isinstance(value, (int, float)) or not -MAX_INTEGER <= value <= MAX_INTEGER:
        return 0
    return int(value)


def load_object(value: object) -> dict[str, Any]:
    """Return a JSON column's object; empty for NULL, `null` and what is no object."""
    if value is None or value == "null":
        return {}
    try:
        loaded = json.loads(as_text(value) or "null")
        # Too deep to be written again, or with numbers that no JSON has room for.
        orjson.dumps(loaded)
    except (ValueError, TypeError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
