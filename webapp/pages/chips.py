"""Say the filters in use as a person does, each with the links that take it out or turn it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ..filters import NOT, ListFilters
from ..formats import duration, exact, status_word

CLOCKS = ("started", "ended")
FIELDS = {
    "workspace": "workspace",
    "status": "status",
    "step_type": "type",
    "run_id": "run",
    "run_uuid": "run",
    "workflow_name": "workflow",
    "target": "target",
    "module_name": "module",
    "run_group_id": "group",
    "step_name": "name contains",
    "started_after": "started from",
    "started_before": "started before",
    "ended_after": "ended from",
    "ended_before": "ended before",
    "min_duration_ms": "took at least",
    "max_duration_ms": "took at most",
    "action": "action",
    "actor": "by",
    "created_after": "from",
    "created_before": "before",
}
# Each of these may be turned to "all others" by a leading NOT.
TURNABLE = frozenset({"status", "step_type", "workflow_name", "target", "module_name", "action"})
PRESETS = {
    "1h": "in the last hour",
    "24h": "in the last 24 h",
    "7d": "in the last 7 days",
    "today": "today (UTC)",
}
PHRASES = {
    **{(clock, value): f"{clock} {words}" for clock in CLOCKS for value, words in PRESETS.items()},
    ("recovered", "yes"): "recovered from a log",
    ("recovered", "no"): "not recovered",
}


class Chip(NamedTuple):
    """One value of a filter in use: its name, its words, the query strings without it and turned.

    `turn` is empty where the value cannot be turned to "all others"; `time` is that of a bound.
    """

    name: str
    field: str
    turn: str
    text: str
    time: datetime | None
    without: dict[str, Any]
    turned: dict[str, Any]

    def __str__(self) -> str:
        """Return the chip as one phrase."""
        text = exact(self.time) if self.time else self.text
        return " ".join(part for part in (self.field, self.turn, text) if part)


def find_chips(filters: ListFilters) -> list[Chip]:
    """Return a chip for each value in use, in the order of the query string."""
    return list(_chips(filters))


def _chips(filters: ListFilters) -> Iterator[Chip]:
    for name, value in filters.active():
        without = filters.without(name, value)
        if phrase := PHRASES.get((name, value)):
            yield Chip(name, "", "", phrase, None, without, {})
            continue
        time = getattr(filters, name)
        is_time = isinstance(time, datetime)
        turn, turned = _turn(filters, name, value)
        bare = value.removeprefix(NOT) if turn else value
        text = "" if is_time else _text(name, bare)
        field = FIELDS[name]
        yield Chip(name, field, turn, text, time if is_time else None, without, turned)


def _turn(filters: ListFilters, name: str, value: str) -> tuple[str, dict[str, Any]]:
    """Return the word for how a value is meant, and the query string that means the contrary."""
    # Twice the mark is a value that begins with it; there is no way to say all but that one.
    if name not in TURNABLE or value.startswith(NOT + NOT):
        return "", {}
    is_negated = value.startswith(NOT)
    other = value.removeprefix(NOT) if is_negated else NOT + value
    values = tuple(other if one == value else one for one in getattr(filters, name))
    return "not" if is_negated else "is", filters.to_args(**{name: tuple(dict.fromkeys(values))})


def _text(name: str, value: str) -> str:
    if name.endswith("duration_ms"):
        return spoken(int(value))
    if name == "run_id":
        return f"#{value}"
    return status_word(value) if name == "status" else value


def spoken(ms: int) -> str:
    """Return a duration as a person writes it: `2 min`, not `2 min 00 s`."""
    text = duration(ms)
    for rest in (" 00 s", " 00 min", " 00 h"):
        text = text.removesuffix(rest)
    return text.replace(".0 s", " s")
