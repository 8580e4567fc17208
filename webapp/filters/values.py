"""Parse and print the values of filters: times, lengths of time, values that exclude; pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

# Before a value: all but this one. Twice: the value itself begins with it.
NOT = "!"

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)
_DURATION_PART = re.compile(
    r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*(ms|seconds?|sec|s|minutes?|mins?|m|hours?|h|days?|d)(?![a-z])",
    re.ASCII,
)
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_time(text: str) -> datetime | None:
    """Return the UTC time that an RFC 3339 text or a date says; without a zone it is UTC."""
    if not _TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text.upper())
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def time_text(time: datetime) -> str:
    """Return a time as RFC 3339 in UTC, with as many decimals as it needs."""
    text = time.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def parse_duration(text: str) -> int | None:
    """Return the milliseconds that `1500`, `850 ms`, `12.4 s`, `4 min 07 s` or `2 h` say."""
    text = text.strip().lower()
    if re.fullmatch("[0-9]{1,19}", text):
        return int(text)
    ms, end = 0.0, 0
    for part in _DURATION_PART.finditer(text):
        if part.start() != end:
            return None
        unit = part[2]
        ms += float(part[1]) * (1 if unit == "ms" else _UNIT_MS[unit[0]])
        end = part.end()
    return round(ms) if end and end == len(text) else None


def part_negated(values: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the values that are wanted, and those that are not, both without their marks."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for value in values:
        bare = value.removeprefix(NOT)
        is_negated = bare != value and not bare.startswith(NOT)
        (unwanted if is_negated else wanted).append(bare)
    return wanted, unwanted


def is_chosen(value: str, wanted: tuple[str, ...]) -> bool:
    """Tell whether a filter lets a value through: any of the plain, none of the negated."""
    plain, negated = part_negated(wanted)
    return (not plain or value in plain) and value not in negated
