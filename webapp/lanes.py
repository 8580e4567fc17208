"""Find which steps of a run went on at the same time; pure."""

from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup

from .time_axis import Axis, Interval

# Two steps that share less of the shorter one's time ran after each other: logs round their times.
LEAST_SHARE = 0.1


class Lane(NamedTuple):
    """The time in which a step and its neighbours ran at once, in percent; `n` of them did."""

    x: float
    width: float
    n: int

    @property
    def drawn(self) -> Markup:
        """Return its shape in the plot of a row; made of numbers alone."""
        return Markup(f'<rect class="lane" x="{self.x}%" width="{self.width}%" height="24"/>')


def find_lanes(times: Iterable[Interval | None], axis: Axis) -> list[Lane | None]:
    """Return for each step the time in which it and those beside it ran at once, if they did."""
    lanes: list[Lane | None] = []
    cluster: list[Interval] = []
    for time in times:
        if time is None or not any(_are_at_once(time, other) for other in cluster):
            lanes += _lanes_of(cluster, axis)
            cluster = []
        if time is None:
            lanes.append(None)
        else:
            cluster.append(time)
    return lanes + _lanes_of(cluster, axis)


def _are_at_once(one: Interval, other: Interval) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    shorter = min(one[1] - one[0], other[1] - other[0])
    return shared > 0 and shared >= LEAST_SHARE * shorter


def _lanes_of(cluster: list[Interval], axis: Axis) -> list[Lane | None]:
    if len(cluster) < 2:
        return [None] * len(cluster)
    x = axis.place(min(start for start, _ in cluster))
    width = round(axis.place(max(end for _, end in cluster)) - x, 2)
    return [Lane(x, width, len(cluster))] * len(cluster)
