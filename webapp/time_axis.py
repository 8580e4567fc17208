"""The time axis of a run: where a time stands on it, its round ticks, and when nothing ran; pure.

Places are percents of the axis, so that a drawing fills whatever width it has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Protocol

MAX_TICKS = 6
# A shorter pause, as a share of the whole, is not worth a word.
LEAST_GAP = 0.03

_SECOND = 1000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86400 * _SECOND
_TICK_STEPS_MS = (
    *(n * 10**power for power in range(4) for n in (1, 2, 5)),
    *(10 * _SECOND, 15 * _SECOND, 30 * _SECOND),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
)
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (_SECOND, "s"))


# When something began and ended, in milliseconds after the start of the axis.
Interval = tuple[float, float]


class Timed(Protocol):
    """What may have begun and ended."""

    @property
    def started_at(self) -> datetime | None: ...
    @property
    def completed_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the time axis, in percent."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the axis in which nothing ran, in percent, and its length."""

    x: float
    width: float
    ms: float


@dataclass(frozen=True, slots=True)
class Axis:
    """The time that a drawing covers."""

    start: datetime
    length_ms: float

    def ms(self, time: datetime) -> float:
        """Return how long after the start a time is."""
        return (time - self.start).total_seconds() * 1000

    def x(self, time: datetime) -> float:
        """Return the place of a time, in percent."""
        return self.place(self.ms(time))

    def place(self, ms: float) -> float:
        """Return the place of so many milliseconds after the start, in percent."""
        return round(min(max(ms / self.length_ms, 0), 1) * 100, 2)


def find_axis(
    spans: Iterable[Timed], started_at: datetime | None, until: datetime | None
) -> Axis | None:
    """Return the axis that holds all times, or None when no step has begun."""
    times = [time for span in spans for time in (span.started_at, span.completed_at) if time]
    if not times:
        return None
    start = min([*times, started_at] if started_at else times)
    end = max([*times, until] if until else times)
    return Axis(start, max((end - start).total_seconds() * 1000, 1))


def find_ticks(length_ms: float) -> Iterator[Tick]:
    """Yield marks at round times, at most MAX_TICKS of them after the first."""
    step = next(
        (step for step in _TICK_STEPS_MS if length_ms / step <= MAX_TICKS),
        -(-length_ms // (MAX_TICKS * _DAY)) * _DAY,
    )
    unit_ms, unit = next(
        ((ms, name) for ms, name in _UNITS if step >= ms or ms == _SECOND and length_ms >= _SECOND),
        (1, "ms"),
    )
    for n in range(int(length_ms // step) + 1):
        yield Tick(round(n * step / length_ms * 100, 3), f"{n * step / unit_ms:g} {unit}")


def find_gaps(intervals: Iterable[Interval], axis: Axis) -> list[Gap]:
    """Return the parts of the axis in which nothing ran, but for those too short to see."""
    gaps, reached = [], 0.0
    for start, end in sorted(intervals):
        if start - reached >= LEAST_GAP * axis.length_ms:
            gaps.append(_gap(axis, reached, start))
        reached = max(reached, end)
    if axis.length_ms - reached >= LEAST_GAP * axis.length_ms:
        gaps.append(_gap(axis, reached, axis.length_ms))
    return gaps


def count_at_once(intervals: Iterable[Interval]) -> int:
    """Return how many ran at the same time, at most."""
    # An end sorts before a start at the same moment.
    changes = [
        change for start, end in intervals for change in ((start, 1), (end, -1)) if end > start
    ]
    return max(accumulate(change for _, change in sorted(changes)), default=0)


def find_interval(span: Timed, axis: Axis) -> Interval | None:
    """Return when a step began and ended on the axis; one that goes on ends with the axis."""
    if span.started_at is None:
        return None
    end = axis.length_ms if span.completed_at is None else axis.ms(span.completed_at)
    return axis.ms(span.started_at), end


def _gap(axis: Axis, start_ms: float, end_ms: float) -> Gap:
    x = axis.place(start_ms)
    return Gap(x, round(axis.place(end_ms) - x, 2), end_ms - start_ms)
