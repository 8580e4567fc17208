"""Find lines in the UTF-8 bytes of an output of any size, and cut what a page shows of it; pure.

A line ends at a newline and nowhere else, as `count_lines` counts them. Nothing here splits the
whole: a million lines are counted in blocks, and only those shown are cut out.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from .line_ranges import PAGE, Line, LineRange, Most, Span
from .sgr import cut_after_sgr, cut_before_sgr, find_effect, strip_sgr

BLOCK_BYTES = 16 * 1024
# A control character counts as many bytes, as it needs an element.
CONTROL_WEIGHT = 16
# A longer line is shown without its middle.
LINE_BYTES = 8_000
LINE_START_BYTES = 5_000
LINE_END_BYTES = 2_000
# Lines shown before one that was asked for.
CONTEXT_LINES = 100
# A search counts so many lines, and then says "10,000+".
COUNTED_HITS = 10_000
# How much of an output is searched at once.
SEARCHED_BYTES = 64 * 1024

_CONTROLS = bytes((*range(32), 127))


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


def cut_end(output: bytes, total: int, most: Most = PAGE) -> LineRange:
    """Return the last lines."""
    return _make_range(output, total, _spans_before(output, len(output), most), None)


def cut_from(output: bytes, total: int, number: int, most: Most = PAGE) -> LineRange:
    """Return the lines from this one on; none when there is no such line."""
    start = find_line(output, number)
    spans = [] if start is None else _spans_from(output, start, most)
    return _make_range(output, total, spans, number)


def cut_until(output: bytes, total: int, number: int, most: Most = PAGE) -> LineRange:
    """Return the lines up to this one."""
    end = find_line(output, number + 1)
    spans = _spans_before(output, len(output) if end is None else end, most)
    return _make_range(output, total, spans, None if end is None else number - len(spans) + 1)


def cut_around(output: bytes, total: int, number: int, most: Most = PAGE) -> LineRange:
    """Return this line with a few before it and many after it; none when there is no such."""
    start = find_line(output, number)
    if start is None:
        return LineRange((), total)
    before = _spans_before(output, start, Most(CONTEXT_LINES, most.bytes // 4))
    left = most.bytes - (start - before[0][0] if before else 0)
    after = _spans_from(output, start, Most(most.lines - len(before), left))
    return _make_range(output, total, before + after, number - len(before))


def count_beside(output: bytes, lines: LineRange, most: Most) -> Span:
    """Return how many lines before a range, and how many after it, come next."""
    start, end = lines.span
    before = _spans_before(output, start, most)
    return len(before), len(_spans_from(output, end + 1, most))


def _spans_from(output: bytes, start: int, most: Most) -> list[Span]:
    spans: list[Span] = []
    weight = 0
    while start < len(output) and len(spans) < most.lines:
        end = _line_end(output, start)
        weight += _weigh(output, start, end)
        if spans and weight > most.bytes:
            break
        spans.append((start, end))
        start = end + 1
    return spans


def _spans_before(output: bytes, stop: int, most: Most) -> list[Span]:
    spans: list[Span] = []
    weight = 0
    while stop > 0 and len(spans) < most.lines:
        end = stop - output.endswith(b"\n", 0, stop)
        start = output.rfind(b"\n", 0, end) + 1
        weight += _weigh(output, start, end)
        if spans and weight > most.bytes:
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
    found = list(islice(_hit_lines(output, text), COUNTED_HITS + 1))
    if not found:
        return Hits()
    if len(found) > COUNTED_HITS and number > found[COUNTED_HITS - 1]:
        return _find_hit_beyond(output, text, number) or _hit_at(found, 0)
    # After the last one it starts anew.
    return _hit_at(found, bisect_left(found, number) % len(found))


def find_hits_in(output: bytes, lines: LineRange, text: str) -> frozenset[int]:
    """Return which lines of a range hold a text."""
    return frozenset(_hit_lines(output, text, *lines.span, lines.first))


def _hit_at(found: list[int], place: int) -> Hits:
    return Hits(
        n=min(len(found), COUNTED_HITS),
        is_exact=len(found) <= COUNTED_HITS,
        line=found[place],
        place=place + 1,
        previous=found[place - 1] if place else 0,
        next=found[place + 1] if place + 1 < len(found) else 0,
    )


def _find_hit_beyond(output: bytes, text: str, number: int) -> Hits | None:
    """Return the first line with a text from this one on, beyond those that are counted."""
    start = find_line(output, number)
    if start is None:
        return None
    following = _hit_lines(output, text, start, len(output), number)
    line = next(following, 0)
    previous = _hit_before(output, text, start, number) if line else 0
    return Hits(COUNTED_HITS, False, line, 0, previous, next(following, 0)) if line else None


def _fold(text: bytes, is_ascii: bool) -> bytes:
    """Return a text in lower case; of ASCII alone that is fast."""
    return text.lower() if is_ascii else text.decode().casefold().encode()


def _hit_lines(
    output: bytes, wanted: str, start: int = 0, stop: int | None = None, number: int = 1
) -> Iterator[int]:
    """Yield the numbers of the lines that hold the text as a reader sees them.

    The first line starts here. Block by block: only of one are there copies, without its colours
    and in lower case; the end of its last line goes on in the next.
    """
    is_ascii, rest, last = wanted.isascii(), b"", 0
    needle = _fold(wanted.encode(), is_ascii)
    for begin, end in _blocks(output, start, len(output) if stop is None else stop):
        text = rest + _fold(strip_sgr(output[begin:end]), is_ascii)
        place = counted = 0
        while (place := text.find(needle, place)) >= 0:
            number += text.count(b"\n", counted, place)
            if number != last:
                yield number
            last, counted, place = number, place, _line_end(text, place)
        number += text.count(b"\n", counted)
        rest = text[max(len(text) - len(needle) + 1, text.rfind(b"\n") + 1) :]


def _blocks(output: bytes, start: int, stop: int) -> Iterator[Span]:
    """Yield where blocks begin and end, none of them inside a character or a sequence."""
    while start < stop:
        end = start + SEARCHED_BYTES
        end = cut_before_sgr(output, _character_at(output, end)) if end < stop else stop
        yield start, end
        start = end


def _hit_before(output: bytes, text: str, here: int, number: int) -> int:
    """Return the last line with the text before this one, which starts here; 0: none."""
    found: deque[int] = deque(maxlen=1)
    while here > 0 and not found:
        start = output.rfind(b"\n", 0, max(here - SEARCHED_BYTES, 0)) + 1
        number -= output.count(b"\n", start, here)
        found.extend(_hit_lines(output, text, start, here, number))
        here = start
    return found[0] if found else 0
