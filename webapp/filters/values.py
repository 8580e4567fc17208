"""Parse and print the values of filters: times, lengths of time, values that exclude; pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

MAX_INTEGER = 2**63 - 1
# Before a value: all but this one. Twice: the value itself begins with it.
NOT = "!"

# Both patterns hold all that is allowed and nothing else, for the API's document says them: a date
# has no 31st of April, and a year 29 February only when it leaps. So no flags, and no look-ahead.
_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP_YEAR}-02-29)"
)
_HOUR_MINUTE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
TIME_PATTERN = (
    f"{_DATE}(?:[Tt ]{_HOUR_MINUTE}(?::[0-5][0-9](?:[.][0-9]{{1,6}})?)?"
    f"(?:[Zz]|[+-]{_HOUR_MINUTE})?)?"
)
# Longer ones first: each is looked for in this order.
_UNITS = (
    *("ms", "seconds", "second", "sec", "s", "minutes", "minute", "mins", "min", "m"),
    *("hours", "hour", "h", "days", "day", "d"),
)
_UNIT = "|".join("".join(f"[{one}{one.upper()}]" for one in unit) for unit in _UNITS)
_NUMBER = "[0-9]{1,15}(?:[.][0-9]{1,6})?"
_SPACE = "[ \t]*"
DURATION_PATTERN = (
    f"{_SPACE}(?:[0-9]{{1,19}}|{_NUMBER}{_SPACE}(?:{_UNIT})"
    f"(?:{_SPACE}{_NUMBER}{_SPACE}(?:{_UNIT}))*){_SPACE}"
)
_TIME = re.compile(TIME_PATTERN)
_DURATION = re.compile(DURATION_PATTERN)
_DURATION_PART = re.compile(f"({_NUMBER}){_SPACE}({_UNIT})")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_time(text: str) -> datetime | None:
    """Return the UTC time that an RFC 3339 text or a date says; without a zone it is UTC.

    None for what does not match TIME_PATTERN. A zone can lead out of the calendar, at its ends.
    """
    if not _TIME.fullmatch(text):
        return None
    time = datetime.fromisoformat(text.upper())
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        end = datetime.min if time.year == datetime.min.year else datetime.max
        return end.replace(tzinfo=UTC)


def time_text(time: datetime) -> str:
    """Return a time as RFC 3339 in UTC, with as many decimals as it needs."""
    text = time.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def parse_duration(text: str) -> int | None:
    """Return the milliseconds that `1500`, `850 ms`, `12.4 s`, `4 min 07 s` or `2 h` say.

    None for what does not match DURATION_PATTERN. Nothing lasts longer than MAX_INTEGER, so
    that is what all beyond it means.
    """
    if not _DURATION.fullmatch(text):
        return None
    parts = _DURATION_PART.findall(text)
    if not parts:
        return min(int(text), MAX_INTEGER)
    ms = sum(float(number) * _unit_ms(unit.lower()) for number, unit in parts)
    return min(round(ms), MAX_INTEGER)


def _unit_ms(unit: str) -> int:
    return 1 if unit == "ms" else _UNIT_MS[unit[0]]


def part_negated(values: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the values that are wanted, and those that are not, both without their marks."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for value in values:
        bare = value.removeprefix(NOT)
        is_negated = bare != value and not bare.startswith(NOT)
        (unwanted if is_negated else wanted).append(bare)
    return wanted, unwanted


def chosen_of(values: Iterable[str], wanted: tuple[str, ...]) -> list[str]:
    """Return those values that a filter lets through: any of the plain, none of the negated."""
    plain, negated = part_negated(wanted)
    return [one for one in values if (not plain or one in plain) and one not in negated]
