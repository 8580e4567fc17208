"""Read Osmedeus's times; pure. Moments are whole microseconds since 1970, UTC."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
_MICROSECOND = timedelta(microseconds=1)
# A longer text is no duration; the search below would take long over millions of digits.
_LONGEST_ELAPSED = 40
_ELAPSED_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|µs|us|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}


def parse_time(text: object) -> datetime | None:
    """Return an aware UTC time; None for an empty one, the year 1, and what is no time."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is UTC:
            return time
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def to_moment(time: datetime | None) -> int | None:
    """Return a time as microseconds since 1970."""
    return None if time is None else (time - EPOCH) // _MICROSECOND


def from_moment(moment: int) -> datetime:
    """Return microseconds since 1970 as a time."""
    return EPOCH + timedelta(microseconds=moment)


def parse_elapsed(text: object) -> float | None:
    """Return the seconds of a text such as `598ms`, `6.0s` or `1m30s`."""
    if not isinstance(text, str) or len(text) > _LONGEST_ELAPSED:
        return None
    parts = _ELAPSED_PART.findall(text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else None
