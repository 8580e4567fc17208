"""Name ranges of time: the last hours, the UTC days; pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, Self

from .filters import time_text

DAY = timedelta(days=1)
# Where a period ends that has no end.
NEVER = datetime.max.replace(tzinfo=UTC)


class Period(NamedTuple):
    """A range of time; `after` is in it, `before` is not: as `ended_after` and so on filter."""

    after: datetime
    before: datetime

    @classmethod
    def since(cls, after: datetime) -> Self:
        """Return what lies after a moment, as the presets of the lists do."""
        return cls(after, NEVER)

    @classmethod
    def days(cls, n: int, now: datetime) -> list[Self]:
        """Return the last n days of UTC, oldest first; the last one is today, up to its end."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return [cls(today - ago * DAY, today - ago * DAY + DAY) for ago in reversed(range(n))]

    def spoken(self) -> str:
        """Return the period in words, in UTC."""
        after, before = (f"{one.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for one in self)
        return f"{after} UTC on" if self.before == NEVER else f"{after} to {before} UTC"

    def to_args(self, clock: str) -> dict[str, str]:
        """Return the query string of the lists of what `started` or `ended` in this period."""
        args = {f"{clock}_after": time_text(self.after)}
        if self.before != NEVER:
            args[f"{clock}_before"] = time_text(self.before)
        return args


def cut(periods: Iterable[Period]) -> list[Period]:
    """Return the pieces into which the beginnings and ends of all periods part the time."""
    moments = sorted({moment for period in periods for moment in period})
    return [Period(after, before) for after, before in pairwise(moments)]
