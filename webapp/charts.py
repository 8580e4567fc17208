"""Lay out the bars of a day each, for drawings that the server makes; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

# In units of the drawing: across in percent of its width, down in pixels.
HEIGHT = 120
GAP = 0.24
LEAST_HEIGHT = 3
MAX_TICKS = 4


class Part(NamedTuple):
    """One part of a bar: what it counts, how many, and where it stands."""

    kind: str
    n: int
    y: float
    height: float


class Tick(NamedTuple):
    """A line across the drawing, and the number it stands for."""

    n: int
    y: float


class Bar(NamedTuple):
    """The bar of a day; its parts from the bottom up. `month` is named where one begins."""

    day: date
    x: float
    middle: float
    width: float
    parts: list[Part]
    month: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars of days on one scale, which begins at 0."""

    bars: list[Bar]
    ticks: list[Tick]
    height: int = HEIGHT


def lay_out_bars(days: Sequence[date], counts: Sequence[Mapping[str, int]]) -> BarChart:
    """Stack what each day counts, in the order given; what is 0 is not drawn."""
    top = max((sum(kinds.values()) for kinds in counts), default=0)
    step = _step(top)
    n_steps = max(-(-top // step), 1)
    scale = HEIGHT / (n_steps * step)
    width = 100 / max(len(days), 1)
    bars = []
    for number, (day, kinds) in enumerate(zip(days, counts, strict=True)):
        x = width * number
        bars.append(
            Bar(
                day=day,
                x=round(x + width * GAP / 2, 2),
                middle=round(x + width / 2, 2),
                width=round(width * (1 - GAP), 2),
                parts=_stack(kinds, scale),
                month=f"{day:%b}" if number == 0 or day.day == 1 else "",
                is_last=number == len(days) - 1,
            )
        )
    ticks = [Tick(n * step, round(HEIGHT - n * step * scale, 1)) for n in range(n_steps + 1)]
    return BarChart(bars, ticks)


def _step(top: int) -> int:
    """Return the distance of the lines: 1, 2 or 5 times a power of ten, for at most MAX_TICKS."""
    step, factors = 1, (2, 2.5, 2)
    turn = 0
    while step * MAX_TICKS < top:
        step = round(step * factors[turn % 3])
        turn += 1
    return step


def _stack(kinds: Mapping[str, int], scale: float) -> list[Part]:
    """Put parts on each other; the smallest stays visible, at the cost of the largest."""
    heights = {kind: max(n * scale, LEAST_HEIGHT) for kind, n in kinds.items() if n}
    excess = sum(heights.values()) - HEIGHT
    if excess > 0:
        largest = max(heights, key=lambda kind: heights[kind])
        heights[largest] -= excess
    parts, y = [], float(HEIGHT)
    for kind, height in heights.items():
        y -= height
        parts.append(Part(kind, kinds[kind], round(y, 1), round(height, 1)))
    return parts
