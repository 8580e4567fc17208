"""Lay the timeline of a run out: which rows, which bars and where, which ticks; pure.

Places along the time axis are percents of the plot, so that it fills whatever width it has; places
down the rows are in pixels. All rows share one axis: what ran at the same time stands above
each other, and a gap in which nothing ran is a gap.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

from .formats import duration

MAX_ROWS = 200
ROW_HEIGHT = 24
BAR_HEIGHT = 12
# So that a step of 0 ms is seen, also on a narrow screen.
MIN_WIDTH = 0.6
MAX_TICKS = 6

_SECOND = 1000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86400 * _SECOND
_TICK_STEPS_MS = (
    *(n * 10**power for power in range(4) for n in (1, 2, 5)),
    *(10 * _SECOND, 15 * _SECOND, 30 * _SECOND),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
)
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (_SECOND, "s"))


class Span(Protocol):
    """A step, or a group of steps, with its times."""

    @property
    def status(self) -> str: ...
    @property
    def step_name(self) -> str: ...
    @property
    def module_name(self) -> str: ...
    @property
    def started_at(self) -> datetime | None: ...
    @property
    def completed_at(self) -> datetime | None: ...
    @property
    def duration_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class GroupSpan:
    """Several steps drawn as one bar, from the start of the first to the end of the last."""

    name: str
    n: int
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    module_name: str = ""

    @property
    def step_name(self) -> str:
        """Return the label: the name and how many steps have it."""
        return f"{self.name or 'outside modules'} × {self.n:,}"

    @property
    def duration_ms(self) -> int:
        """Return the time from the first start to the last end."""
        if self.started_at is None or self.completed_at is None:
            return 0
        return round((self.completed_at - self.started_at) / timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Bar:
    """One step or module in the plot; `x` and `width` in percent, `y` in pixels."""

    status: str
    x: float
    width: float
    y: float
    title: str
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its label, its bar if it has one, and the step or group behind it.

    Without a step or group it is the head of a module's band.
    """

    label: str
    y: int
    bar: Bar | None
    length: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """The rows of one module, in pixels."""

    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the time axis, in percent."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture."""

    rows: list[Row]
    bands: list[Band]
    ticks: list[Tick]
    height: int
    summary: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The time that the plot covers."""

    start: datetime
    length_ms: float

    def x(self, time: datetime) -> float:
        """Return the place of a time, in percent."""
        share = (time - self.start) / timedelta(milliseconds=1) / self.length_ms
        return round(min(max(share, 0), 1) * 100, 3)


def lay_out(
    spans: Sequence[Span], started_at: datetime | None = None, until: datetime | None = None
) -> Timeline | None:
    """Lay out the bars of steps in the order of their places; None when no time is known.

    The axis begins no later than `started_at` and ends no earlier than `until`, the last sign of
    life of the run.
    """
    axis = find_axis(spans, started_at, until)
    if axis is None:
        return None
    rows: list[Row] = []
    bands: list[Band] = []
    # A step that never began is marked where the one before it ended.
    reached = axis.start
    for module, members in _by_module(spans):
        first_y = len(rows) * ROW_HEIGHT
        if module:
            rows.append(_module_row(module, members, axis, first_y))
        for span in members:
            rows.append(_row(span, axis, reached, len(rows) * ROW_HEIGHT))
            reached = span.completed_at or reached
        if module:
            bands.append(Band(first_y, len(rows) * ROW_HEIGHT - first_y))
    summary = f"Timeline over {duration(axis.length_ms)}: " + _tell(spans)
    return Timeline(rows, bands, list(find_ticks(axis.length_ms)), len(rows) * ROW_HEIGHT, summary)


def find_axis(
    spans: Iterable[Span], started_at: datetime | None, until: datetime | None
) -> Axis | None:
    """Return the axis that holds all times, or None when no step has begun."""
    times = [time for span in spans for time in (span.started_at, span.completed_at) if time]
    if not times:
        return None
    start = min([*times, started_at] if started_at else times)
    end = max([*times, until] if until else times)
    return Axis(start, max((end - start) / timedelta(milliseconds=1), 1))


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


def _by_module(spans: Iterable[Span]) -> Iterator[tuple[str, list[Span]]]:
    """Yield the steps of each module together, at the place of its first; the others in place."""
    parts = [(name, list(part)) for name, part in groupby(spans, lambda span: span.module_name)]
    seen: set[str] = set()
    for name, part in parts:
        if not name:
            yield name, part
        elif name not in seen:
            seen.add(name)
            yield name, [span for other, some in parts if other == name for span in some]


def _row(span: Span, axis: Axis, reached: datetime, y: int) -> Row:
    has_ended = span.completed_at is not None
    length = duration(span.duration_ms) if span.started_at and has_ended else ""
    return Row(span.step_name, y, _bar(span, axis, reached, y, length), length, span)


def _bar(span: Span, axis: Axis, reached: datetime, y: int, length: str) -> Bar | None:
    if span.started_at is None or span.status == "skipped":
        if span.status == "pending":
            return None
        x = min(axis.x(span.completed_at or reached), 100 - MIN_WIDTH)
        return Bar(span.status, x, MIN_WIDTH, _bar_y(y), f"{span.step_name}: {span.status}")
    is_open = span.completed_at is None
    x, width = _place(axis, span.started_at, span.completed_at)
    after = duration((span.started_at - axis.start) / timedelta(milliseconds=1))
    said = ", ".join(part for part in (span.status, length, f"began after {after}") if part)
    return Bar(span.status, x, width, _bar_y(y), f"{span.step_name}: {said}", is_open)


def _place(axis: Axis, start: datetime, end: datetime | None) -> tuple[float, float]:
    x = axis.x(start)
    width = max((100 if end is None else axis.x(end)) - x, MIN_WIDTH)
    # At the very end the bar moves left rather than out of the plot.
    return round(min(x, 100 - width), 3), round(width, 3)


def _module_row(name: str, members: list[Span], axis: Axis, y: int) -> Row:
    begun = [span for span in members if span.started_at]
    if not begun:
        return Row(name, y, None, "")
    start = min(span.started_at for span in begun if span.started_at)
    ends = [span.completed_at for span in begun]
    end = None if None in ends else max(end for end in ends if end)
    x, width = _place(axis, start, end)
    length = duration((end - start) / timedelta(milliseconds=1)) if end else ""
    title = f"module {name}: {length or 'running'}"
    return Row(name, y, Bar("module", x, width, _bar_y(y), title, end is None), length)


def _bar_y(y: int) -> float:
    return y + (ROW_HEIGHT - BAR_HEIGHT) / 2


def _tell(spans: Sequence[Span]) -> str:
    """Say how many steps there are and name those that failed."""
    failed = [span.step_name for span in spans if span.status == "failed"]
    said = f"{len(spans)} rows"
    if not failed:
        return f"{said}, none failed."
    names = ", ".join(failed[:5]) + (f" and {len(failed) - 5} more" if len(failed) > 5 else "")
    return f"{said}, failed: {names}."
