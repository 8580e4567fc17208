"""Lines out of an output of any size: their numbers, ranges, colours carried over, search."""

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp import output_lines
from webapp.ingest.preview import count_lines
from webapp.line_ranges import PAGE, LineRange
from webapp.output_lines import (
    CONTEXT_LINES,
    COUNTED_HITS,
    LINE_BYTES,
    Hits,
    cut_around,
    cut_end,
    cut_from,
    cut_until,
    find_hits,
    find_hits_in,
    find_line,
    read_line,
)
from webapp.sgr import find_effect, strip_sgr, style_after
from webapp.terminal import render_texts

LINES = st.lists(st.text("ab é漢\r\x1b\x00\x85\u2028", max_size=9), max_size=30)
SEQUENCES = st.lists(
    st.sampled_from(["\x1b[31m", "\x1b[1m", "\x1b[0m", "\x1b[m", "\x1b[39m", "\x1b[22;4m", "x"])
    | st.sampled_from(["\x1b[38;5;9m", "\x1b[48;2;1;2;3m", "\x1b[0;32m", "\x1b[7m", "\x1b[", "m"])
).map("".join)


def numbered(n: int) -> bytes:
    return "".join(f"line {number}\n" for number in range(1, n + 1)).encode()


def texts_of(lines: LineRange) -> list[str]:
    return [line.start for line in lines.lines]


@given(LINES, st.booleans())
def test_lines_end_at_newlines_and_nowhere_else(lines: list[str], has_end: bool) -> None:
    text = "\n".join(lines) + ("\n" if has_end else "")
    output, total = text.encode(), count_lines(text)
    expected = text.removesuffix("\n").split("\n") if text else []
    assert total == len(expected)
    assert texts_of(cut_end(output, total)) == expected
    assert texts_of(cut_from(output, total, 1)) == expected
    assert cut_end(output, total).first == 1
    for number, line in enumerate(expected, 1):
        assert read_line(output, number) == line.encode()
        assert texts_of(cut_until(output, total, number)) == expected[:number]
        assert texts_of(cut_from(output, total, number)) == expected[number - 1 :]
        assert texts_of(cut_around(output, total, number)) == expected
    assert find_line(output, total + 1) is None


def test_a_range_in_the_middle_of_a_million_lines_has_the_right_numbers() -> None:
    output = numbered(1_000_000)
    around = cut_around(output, 1_000_000, 500_000)
    assert (around.first, around.last) == (500_000 - CONTEXT_LINES, around.first + PAGE.lines - 1)
    assert around.later == 1_000_000 - around.last
    for lines in (
        around,
        cut_from(output, 1_000_000, 123_456),
        cut_until(output, 1_000_000, 999_000),
        cut_end(output, 1_000_000),
    ):
        assert len(lines.lines) == PAGE.lines
        assert all(line.start == f"line {line.number}" for line in lines.lines)
    assert cut_until(output, 1_000_000, 999_000).last == 999_000
    assert not cut_around(output, 1_000_000, 1_000_001).lines


def test_ranges_stay_small_where_lines_are_long_or_full_of_controls() -> None:
    wide = b"z" * 5_000 + b"\n"
    lines = cut_end(wide * 1_000, 1_000)
    assert (len(lines.lines), lines.last) == (PAGE.bytes // 5_000, 1_000)
    assert len(cut_around(wide * 1_000, 1_000, 500).lines) <= 2 * PAGE.bytes // 5_000
    assert cut_around(wide * 1_000, 1_000, 500).first <= 500
    coloured = b"\x1b[31mx\x1b[32my" * 20 + b"\n"
    assert 50 < len(cut_from(coloured * 5_000, 5_000, 1).lines) < PAGE.lines


def test_an_endless_line_is_shown_without_its_middle() -> None:
    output = "é".encode() * 3_000_000 + b"\x1b[31m" + "ü".encode() * 2_000_000
    (line,) = cut_end(output, 1).lines
    assert line.start.startswith("éé") and line.end.endswith("üü")
    assert len((line.start + line.end).encode()) + line.omitted == len(output)
    assert len((line.start + line.end).encode()) <= LINE_BYTES
    assert line.effect == "31"
    assert read_line(output, 1) == output


def test_a_line_is_never_cut_inside_a_sequence() -> None:
    for shift in range(12):
        output = b"x" * shift + b"\x1b[38;5;9m" * 5_000
        (line,) = cut_end(output, 1).lines
        assert not re.search(r"\x1b\[[0-9;]*$", line.start)
        assert line.end.startswith("\x1b[")


@given(SEQUENCES)
def test_what_a_passage_does_to_colours_is_said_in_one_sequence(text: str) -> None:
    for before in ((), style_after((), "1;3;32;44")):
        style = before
        for parameters in re.findall(r"\x1b\[([0-9;:]*)m", text):
            style = style_after(style, parameters)
        effect = find_effect(text.encode(), 0, len(text.encode()))
        assert (style_after(before, effect) if effect else before) == style


def test_a_range_that_begins_in_a_red_passage_is_red() -> None:
    output = b"plain\n\x1b[1;31mred\n" + b"still\n" * 50_000 + b"end\x1b[0m\nplain\n"
    lines = cut_around(output, 50_004, 30_000)
    assert lines.carried == "1;31"
    assert render_texts(["x"], lines.carried) == ['<span class="ansi1 ansi31">x</span>']
    assert cut_from(output, 50_004, 50_004).carried == "0"


def test_a_search_counts_lines_and_finds_those_around() -> None:
    output = b"none\nAn Error, an error\nnone\nERROR\nnone\nerror"
    assert find_hits(output, "error", 1) == Hits(3, True, line=2, place=1, previous=0, next=4)
    assert find_hits(output, "eRRor", 3) == Hits(3, True, line=4, place=2, previous=2, next=6)
    assert find_hits(output, "error", 6) == Hits(3, True, line=6, place=3, previous=4, next=0)
    # After the last one it starts anew.
    assert find_hits(b"hit\nnone", "hit", 2).line == 1
    assert find_hits(output, "nowhere", 1) == Hits()


def test_a_search_sees_what_a_reader_sees() -> None:
    output = "[\x1b[34mINF\x1b[0m] ÄRGER\nSTRASSE\n".encode()
    assert find_hits(output, "[inf]", 1).line == 1
    assert find_hits(output, "ärger", 1).line == 1
    assert find_hits(output, "34m", 1).n == 0
    assert find_hits(output, "straße", 1).line == 2
    assert strip_sgr(b"\x1b[1mx\x1b]0;y") == b"x\x1b]0;y"


def test_a_search_counts_no_further_than_a_page_needs() -> None:
    output = numbered(COUNTED_HITS + 5_000)
    hits = find_hits(output, "line", COUNTED_HITS + 1_000)
    assert (hits.n, hits.is_exact, hits.place) == (COUNTED_HITS, False, 0)
    assert (hits.previous, hits.line, hits.next) == (
        COUNTED_HITS + 999,
        COUNTED_HITS + 1_000,
        COUNTED_HITS + 1_001,
    )
    exact = find_hits(numbered(COUNTED_HITS), "line", COUNTED_HITS)
    assert (exact.n, exact.is_exact, exact.place) == (COUNTED_HITS, True, COUNTED_HITS)


@given(LINES, st.text("abé", min_size=1, max_size=2), st.integers(1, 31))
def test_a_search_finds_the_lines_that_a_plain_look_finds(
    lines: list[str], words: str, start: int
) -> None:
    output = "\n".join(lines).encode()
    found = [number for number, line in enumerate(lines, 1) if words in strip(line)]
    hits = find_hits(output, words, start)
    assert hits.n == len(found)
    if found:
        line = next((number for number in found if number >= start), found[0])
        assert (hits.line, found[hits.place - 1]) == (line, line)
        assert hits.previous == max((n for n in found if n < line), default=0)
        assert hits.next == min((n for n in found if n > line), default=0)
        shown = cut_end(output, count_lines(output.decode()))
        assert find_hits_in(output, shown, words) == set(found)


@given(SEQUENCES, st.integers(0, 130))
def test_a_search_finds_what_stands_over_the_edge_of_a_block(colours: str, shift: int) -> None:
    shown = strip_sgr(colours.encode()).decode()
    parts = ["x" * shift, "line\n", "x" * 300, "Stra", colours, "ße\n", "x" * 300, "\nend"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output_lines, "SEARCHED_BYTES", 128)
        hits = find_hits("".join(parts).encode(), f"stra{shown}ße", 1)
        assert (hits.n, hits.line) == (1, 2)
        patch.setattr(output_lines, "COUNTED_HITS", 2)
        output = ("".join(parts) * 9).encode()
        assert find_hits(output, "ßE", 20) == Hits(2, False, line=20, previous=17, next=23)
        assert find_hits(output, "ßE", 26).next == 0
        # After the last one it starts anew.
        assert find_hits(output, "ßE", 27) == Hits(2, False, line=2, place=1, next=5)


def test_a_search_copies_no_more_than_a_block() -> None:
    coloured = b"\x1b[34m[INF]\x1b[0m \x1b[1;32mhost\x1b[0m answers\n" * 100_000
    for output in (coloured, coloured.replace(b"\n", b" ")):
        tracemalloc.start()
        find_hits(output, "nowhere", 1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000


def test_what_is_left_of_a_sequence_makes_no_new_one() -> None:
    left = b"\x1b[3\x1b[0m1m"
    assert strip_sgr(left + b"x\x1b[31my" + left) == b"\x1b[31mxy\x1b[31m"
    many = b"".join(b"\x1b[38;5;%dm%d " % (n, n) for n in range(100))
    assert strip_sgr(many) == b"".join(b"%d " % n for n in range(100))


def strip(line: str) -> str:
    return strip_sgr(line.encode()).decode()


@pytest.mark.parametrize(
    "output",
    [
        b"\x1b[31m" * 2_000_000,
        b"\x1b[31mx\n" * 1_000_000,
        b"\n" * 3_000_000,
        b"x" * 5_000_000,
        b"\x01a\x7f" * 1_000_000,
        b"\x1b" * 3_000_000,
    ],
    ids=["sequences", "never reset", "newlines", "one line", "controls", "escapes"],
)
def test_whatever_is_printed_a_range_of_it_is_small(output: bytes) -> None:
    total = count_lines(output.decode())
    for lines in (cut_end(output, total), cut_around(output, total, total // 2 or 1)):
        rendered = render_texts([line.start for line in lines.lines], lines.carried)
        assert sum(map(len, rendered)) < 4 * PAGE.bytes
        assert sum(text.count("<") for text in rendered) < 40_000
