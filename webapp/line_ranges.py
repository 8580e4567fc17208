"""What a page or a fragment shows of an output: lines, ranges of them, and how many at most."""

from dataclasses import dataclass
from typing import NamedTuple

Span = tuple[int, int]


class Most(NamedTuple):
    """How much a range shows at most."""

    lines: int
    bytes: int


# What the page of a step begins with, and what is sent alone: less than 10 KB when compressed.
PAGE = Most(1_000, 256 * 1024)
PART = Most(500, 24 * 1024)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is shown: whole, or its start and its end and how many bytes are between.

    `effect` has the parameters of the sequence that does to colours what the bytes between do.
    """

    number: int
    start: str
    omitted: int = 0
    effect: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class LineRange:
    """Lines that follow each other, out of `total`; `span` is where they stand in the output."""

    lines: tuple[Line, ...]
    total: int
    span: Span = (0, 0)
    # The parameters of the sequence that holds before the first line.
    carried: str = ""

    @property
    def first(self) -> int:
        """Return the number of the first line."""
        return self.lines[0].number if self.lines else 1

    @property
    def last(self) -> int:
        """Return the number of the last line; 0 when there is none."""
        return self.lines[-1].number if self.lines else 0

    @property
    def later(self) -> int:
        """Return how many lines come after it."""
        return max(self.total - self.last, 0)
