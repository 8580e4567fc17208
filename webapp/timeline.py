"""Lay the timeline of a run out: which rows, and which bars and where; pure.

All rows share one axis: what ran at the same time stands above each other, and a gap in which
nothing ran is a gap.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple, Protocol

from markupsafe import Markup, escape

from .formats import duration, plural, truncate_middle
from .lanes import Lane, find_lanes
from .terminal import visible_text
from .time_axis import (
    Axis,
    Gap,
    Interval,
    Tick,
    count_at_once,
    find_axis,
    find_gaps,
    find_interval,
    find_ticks,
)

MAX_ROWS = 200
# So that a step of 0 ms is seen, also on a narrow screen.
MIN_WIDTH = 0.6
# A bar that ends before this leaves room for its facts at its right.
ROOM_AT_RIGHT = 62
# So that what failed is told by its shape too.
CROSS = (
    'y="6" width="16" height="12" overflow="visible"><path class="cross" d="M4 2l8 8M12 2l-8 8"/>'
)
# Of those that failed so many are named, each with so many characters.
MAX_NAMED, NAME_LENGTH = 5, 40


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
    failed: int = 0
    module_name: str = ""

    @property
    def step_name(self) -> str:
        """Return the label: the name and how many steps have it."""
        return f"{visible_text(self.name) or 'outside modules'} × {self.n:,}"

    @property
    def duration_ms(self) -> int:
        """Return the time from the first start to the last end."""
        if self.started_at is None or self.completed_at is None:
            return 0
        return round((self.completed_at - self.started_at).total_seconds() * 1000)


class Placed(NamedTuple):
    """A step or group, and when it ran on the axis; None when it never began."""

    span: Span
    time: Interval | None


class Bar(NamedTuple):
    """One step or module in the plot; `x` and `width` in percent.

    `facts` say its status, length and start; they stand at its right where there is room.
    """

    status: str
    x: float
    width: float
    facts: str
    is_open: bool = False
    # Of a group of which some failed: how much of its width shows that.
    failed_width: float = 0

    @property
    def end(self) -> float:
        """Return the place of its right end, in percent."""
        return round(self.x + self.width, 2)

    @property
    def drawn(self) -> Markup:
        """Return its shapes in the plot of a row, and its facts beside them.

        Drawn here, not in a template: a run has a hundred of them, each of some fifteen pieces.
        """
        if self.end <= ROOM_AT_RIGHT:
            at = f'x="{self.end}%" dx="20"'
        else:
            at = f'class="left" x="{self.x}%" dx="-8"'
        return Markup(f'{self._shapes()}<text y="16" {at}>{escape(self.facts)}</text>')

    def _shapes(self) -> str:
        place = f'x="{self.x}%" width="{self.width}%"'
        if self.status == "module":
            return f'<rect class="module" {place} y="10" height="4" rx="1"/>'
        if self.status == "skipped":
            return f'<rect class="s-skipped" x="{self.x}%" y="11" width="12" height="2"/>'
        of = "completed" if self.failed_width else escape(self.status)
        is_open = " open" if self.is_open else ""
        bar = f'<rect class="timeline-bar s-{of}{is_open}" {place} y="6" height="12" rx="1.5"/>'
        if self.failed_width:
            # At its right end stands how much of a group failed.
            x = round(self.end - self.failed_width, 2)
            failed = f'x="{x}%" width="{self.failed_width}%"'
            bar += f'<rect class="timeline-bar s-failed" {failed} y="6" height="12"/>'
        return bar + f'<svg x="{self.end}%" {CROSS}</svg>' if self.status == "failed" else bar


class Row(NamedTuple):
    """One line: its label, its bar if it has one, and the step or group behind it.

    Without a step or group it is the head of a module's band.
    """

    label: str
    bar: Bar | None
    length: str
    span: Span | None = None
    is_in_module: bool = False
    lane: Lane | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture, and in words what it shows."""

    rows: list[Row]
    ticks: list[Tick]
    gaps: list[Gap]
    summary: str


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
    placed = [Placed(span, find_interval(span, axis)) for span in spans]
    rows: list[Row] = []
    # A step that never began is marked where the one before it ended.
    reached = axis.start
    for module, members in _by_module(placed):
        if module:
            rows.append(_module_row(module, members, axis))
        for one, lane in zip(members, find_lanes([one.time for one in members], axis), strict=True):
            rows.append(_row(one, axis, reached, lane))
            reached = one.span.completed_at or reached
    intervals = [one.time for one in placed if one.time]
    gaps = find_gaps(intervals, axis)
    most = count_at_once(intervals) if any(row.lane for row in rows) else 1
    summary = f"over {duration(axis.length_ms)}: {_tell(spans, gaps, most)}"
    return Timeline(rows, list(find_ticks(axis.length_ms)), gaps, summary)


def _by_module(placed: Iterable[Placed]) -> Iterator[tuple[str, list[Placed]]]:
    """Yield the steps of each module together, at the place of its first; the others in place."""
    parts = [(name, list(part)) for name, part in groupby(placed, lambda one: one.span.module_name)]
    whole: dict[str, list[Placed]] = {}
    for name, part in parts:
        whole.setdefault(name, []).extend(part)
    for name, part in parts:
        if not name:
            yield name, part
        elif members := whole.pop(name, None):
            yield name, members


def _row(placed: Placed, axis: Axis, reached: datetime, lane: Lane | None) -> Row:
    span = placed.span
    has_ended = span.completed_at is not None
    length = duration(span.duration_ms) if span.started_at and has_ended else ""
    bar = _bar(placed, axis, reached, length)
    if isinstance(span, GroupSpan) and span.failed:
        length = f"{span.failed:,} failed, {length}" if length else f"{span.failed:,} failed"
    return Row(span.step_name, bar, length, span, bool(span.module_name), lane)


def _bar(placed: Placed, axis: Axis, reached: datetime, length: str) -> Bar | None:
    span, time = placed
    if time is None or span.status == "skipped":
        if span.status == "pending":
            return None
        x = min(axis.x(span.completed_at or reached), 100 - MIN_WIDTH)
        return Bar(span.status, x, MIN_WIDTH, span.status)
    x, width = _place(axis, time)
    after = duration(max(time[0], 0))
    status, failed_width = span.status, 0.0
    if isinstance(span, GroupSpan) and 0 < span.failed < span.n:
        status = f"{span.failed:,} of {span.n:,} failed"
        failed_width = round(max(width * span.failed / span.n, min(MIN_WIDTH, width / 2)), 2)
    said = ", ".join(part for part in (status, length, f"began after {after}") if part)
    return Bar(span.status, x, width, said, span.completed_at is None, failed_width)


def _place(axis: Axis, time: Interval) -> tuple[float, float]:
    x = axis.place(time[0])
    width = max(axis.place(time[1]) - x, MIN_WIDTH)
    # At the very end the bar moves left rather than out of the plot.
    return round(min(x, 100 - width), 2), round(width, 2)


def _module_row(name: str, members: list[Placed], axis: Axis) -> Row:
    times = [one.time for one in members if one.time]
    if not times:
        return Row(name, None, "", is_in_module=True)
    start, end = min(start for start, _ in times), max(end for _, end in times)
    is_open = any(one.time and one.span.completed_at is None for one in members)
    x, width = _place(axis, (start, end))
    length = "" if is_open else duration(end - start)
    bar = Bar("module", x, width, f"module, {length or 'running'}", is_open)
    return Row(name, bar, length, is_in_module=True)


def _tell(spans: Sequence[Span], gaps: list[Gap], most_at_once: int) -> str:
    """Say how many steps there are, how they ran, and name those that failed."""
    failed = [span for span in spans if span.status == "failed"]
    noun = "group" if isinstance(spans[0], GroupSpan) else "step"
    names = ", ".join(map(_name, failed[:MAX_NAMED]))
    if len(failed) > MAX_NAMED:
        names += f" and {len(failed) - MAX_NAMED:,} more"
    said = f"{plural(len(spans), noun)}, " + (f"failed: {names}." if failed else "none failed.")
    if most_at_once > 1:
        said += f" Up to {most_at_once} ran at the same time."
    return f"{said} {tell_gaps(gaps)}".strip()


def _name(span: Span) -> str:
    """Return the name of what failed, cut; of a group also how many of its steps did."""
    if not isinstance(span, GroupSpan):
        return truncate_middle(visible_text(span.step_name) or "(no name)", NAME_LENGTH)
    name = truncate_middle(visible_text(span.name) or "outside modules", NAME_LENGTH)
    return f"{span.failed:,} of {span.n:,} in {name}"


def tell_gaps(gaps: list[Gap]) -> str:
    """Say for how long nothing ran; an empty text when something always did."""
    if not gaps:
        return ""
    places = f" in {len(gaps)} gaps" if len(gaps) > 1 else ""
    return f"Nothing ran for {duration(sum(gap.ms for gap in gaps))}{places}."
