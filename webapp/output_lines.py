"""Find lines in the UTF-8 bytes of an output of any size, and cut what a page shows of it; pure.

A line ends at a newline and nowhere else, as `count_lines` counts them. Nothing here splits the
whole: a million lines are counted in blocks, and only those shown are cut out.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from .sgr import cut_after_sgr, cut_before_sgr, find_effect, strip_sgr

BLOCK_BYTES = 16 * 1024
# What one range shows at most; a control character counts as many, as it needs an element.
RANGE_LINES = 1_000
RANGE_BYTES = 256 * 1024
CONTROL_WEIGHT = 16
# A longer line is shown without its middle.
LINE_BYTES = 8_000
LINE_START_BYTES = 5_000
LINE_END_BYTES = 2_000
# Lines shown before one that was asked for.
CONTEXT_LINES = 100
# A search counts so many lines, and then says "10,000+".
COUNTED_HITS = 10_000

_CONTROLS = bytes((*range(32), 127))
Span = tuple[int, int]


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


@dataclass(frozen=True, slots=True)
class Hits:
    """The lines that hold a text: how many, and those around one of them.

    `place` is 0 where the one is beyond those counted.
    """

    n: int = 0
    is_exact: bool = True
    line: int = 0
    place: int = 0
    previous: int = 0
    next: int = 0


def find_line(output: bytes, number: int) -> int | None:
    """Return where a line starts, or None when there is no such line."""
    newlines = number - 1
    for block in range(0, len(output), BLOCK_BYTES):
        n = output.count(b"\n", block, block + BLOCK_BYTES)
        if newlines <= n:
            place = _after_newlines(output, block, newlines)
            return place if place < len(output) else None
        newlines -= n
    return None


def _after_newlines(output: bytes, place: int, n: int) -> int:
    for _ in range(n):
        place = output.index(b"\n", place) + 1
    return place


def cut_end(output: bytes, total: int, most: int = RANGE_LINES) -> LineRange:
    """Return the last lines."""
    return _make_range(output, total, _spans_before(output, len(output), most), None)


def cut_from(output: bytes, total: int, number: int) -> LineRange:
    """Return the lines from this one on; none when there is no such line."""
    start = find_line(output, number)
    spans = [] if start is None else _spans_from(output, start)
    return _make_range(output, total, spans, number)


def cut_until(output: bytes, total: int, number: int) -> LineRange:
    """Return the lines up to this one."""
    end = find_line(output, number + 1)
    spans = _spans_before(output, len(output) if end is None else end)
    return _make_range(output, total, spans, None if end is None else number - len(spans) + 1)


def cut_around(output: bytes, total: int, number: int) -> LineRange:
    """Return this line with a few before it and many after it; none when there is no such."""
    start = find_line(output, number)
    if start is None:
        return LineRange((), total)
    before = _spans_before(output, start, CONTEXT_LINES, RANGE_BYTES // 2)
    after = _spans_from(output, start, RANGE_LINES - len(before))
    return _make_range(output, total, before + after, number - len(before))


def _spans_from(output: bytes, start: int, most: int = RANGE_LINES) -> list[Span]:
    spans: list[Span] = []
    weight = 0
    while start < len(output) and len(spans) < most:
        end = _line_end(output, start)
        weight += _weigh(output, start, end)
        if spans and weight > RANGE_BYTES:
            break
        spans.append((start, end))
        start = end + 1
    return spans


def _spans_before(
    output: bytes, stop: int, most: int = RANGE_LINES, most_bytes: int = RANGE_BYTES
) -> list[Span]:
    spans: list[Span] = []
    weight = 0
    while stop > 0 and len(spans) < most:
        end = stop - output.endswith(b"\n", 0, stop)
        start = output.rfind(b"\n", 0, end) + 1
        weight += _weigh(output, start, end)
        if spans and weight > most_bytes:
            break
        spans.append((start, end))
        stop = start
    return spans[::-1]


def _line_end(output: bytes, start: int) -> int:
    end = output.find(b"\n", start)
    return len(output) if end < 0 else end


def _weigh(output: bytes, start: int, end: int) -> int:
    """Return about how much a line costs to show."""
    shown = output[start : min(end, start + LINE_BYTES)]
    controls = len(shown) - len(shown.translate(None, _CONTROLS))
    return len(shown) + CONTROL_WEIGHT * controls


def _make_range(output: bytes, total: int, spans: list[Span], first: int | None) -> LineRange:
    """Cut these lines out; without a number they are the last ones."""
    if not spans:
        return LineRange((), total)
    first = max(total - len(spans) + 1, 1) if first is None else first
    lines = tuple(_cut_line(output, n, *span) for n, span in enumerate(spans, first))
    start = spans[0][0]
    return LineRange(lines, total, (start, spans[-1][1]), find_effect(output, 0, start))


def _cut_line(output: bytes, number: int, start: int, end: int) -> Line:
    if end - start <= LINE_BYTES:
        return Line(number, output[start:end].decode())
    left = cut_before_sgr(output, _character_at(output, start + LINE_START_BYTES))
    right = cut_after_sgr(output, _character_at(output, end - LINE_END_BYTES))
    return Line(
        number,
        output[start:left].decode(),
        right - left,
        find_effect(output, left, right),
        output[right:end].decode(),
    )


def _character_at(output: bytes, place: int) -> int:
    """Return where the character starts that a place falls into."""
    while output[place] & 0xC0 == 0x80:
        place -= 1
    return place


def read_line(output: bytes, number: int) -> bytes | None:
    """Return one line in full, without its newline, or None when there is no such line."""
    start = find_line(output, number)
    return None if start is None else output[start : _line_end(output, start)]


def find_hits(output: bytes, text: str, number: int) -> Hits:
    """Count the lines that hold a text; tell the first at or after a line, else the first."""
    haystack, needle = _fold(output, text)
    found = list(islice(_hit_lines(haystack, needle, 0, 1), COUNTED_HITS + 1))
    if not found:
        return Hits()
    start = find_line(haystack, number)
    line = found[0]
    if start is not None:
        line = next(_hit_lines(haystack, needle, start, number), line)
    here = find_line(haystack, line) or 0
    after = _line_end(haystack, here) + 1
    return Hits(
        n=min(len(found), COUNTED_HITS),
        is_exact=len(found) <= COUNTED_HITS,
        line=line,
        place=bisect_left(found, line) + 1 if line <= found[:COUNTED_HITS][-1] else 0,
        previous=_hit_before(haystack, needle, here, line),
        next=next(_hit_lines(haystack, needle, after, line + 1), 0),
    )


def find_hits_in(output: bytes, lines: LineRange, text: str) -> frozenset[int]:
    """Return which lines of a range hold a text."""
    haystack, needle = _fold(output[slice(*lines.span)], text)
    return frozenset(
        takewhile(lambda n: n <= lines.last, _hit_lines(haystack, needle, 0, lines.first))
    )


def _fold(output: bytes, text: str) -> tuple[bytes, bytes]:
    """Return both in lower case, without colours; of ASCII alone that is fast."""
    plain = strip_sgr(output)
    if text.isascii():
        return plain.lower(), text.lower().encode()
    return plain.decode().casefold().encode(), text.casefold().encode()


def _hit_lines(haystack: bytes, needle: bytes, start: int, number: int) -> Iterator[int]:
    """Yield the numbers of the lines that hold the text, from one that starts here."""
    counted = start
    while (place := haystack.find(needle, start)) >= 0:
        number += haystack.count(b"\n", counted, place)
        yield number
        counted, start = place, _line_end(haystack, place)


def _hit_before(haystack: bytes, needle: bytes, here: int, number: int) -> int:
    place = haystack.rfind(needle, 0, max(here - 1, 0))
    return number - haystack.count(b"\n", place, here) if place >= 0 else 0
