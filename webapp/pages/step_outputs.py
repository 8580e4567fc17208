"""Draw what a step printed: the range of lines that the query string asks for, and its hits."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Response, render_template, request
from markupsafe import Markup
from werkzeug.exceptions import BadRequest, NotFound

from ..filters import ArgsReader, FilterError
from ..line_ranges import PAGE, PART, Line, LineRange, Most
from ..models import Step
from ..output_lines import (
    Hits,
    count_beside,
    cut_around,
    cut_end,
    cut_from,
    cut_until,
    find_hits,
    find_hits_in,
    read_line,
)
from ..queries.outputs import iter_output, read_bytes
from ..queries.steps import get_step
from ..rendering import wants_fragment
from ..terminal import render_texts, visible_text
from . import bp

MAX_SEARCHED = 200
# The last lines among which a failed step's telling one is looked for.
TELLING = PAGE._replace(lines=20)
# The name of a hidden character.
_MARK = re.compile("‹[^›]*›")


class LineAsked(NamedTuple):
    """What a query string asks for of an output; 0 and an empty text: nothing."""

    first: int
    last: int
    marked: tuple[int, int]
    q: str


class DrawnLine(NamedTuple):
    """A line as markup; a cut one has its end, and how many bytes are left out before it.

    `hides_hit` tells that what was searched for is among these.
    """

    number: int
    start: Markup
    omitted: int
    end: Markup | str
    classes: str
    hides_hit: bool


@bp.get("/steps/<int:step_id>/lines")
def list_step_lines(step_id: int) -> str:
    """Draw a range of lines: those from `first` on, or up to `last`."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(("first", "last", "q"))
    step = get_step(step_id)
    output = draw_output(step, reader)
    return render_template("steps/_output_lines.html", step=step, is_part=True, **output)


@bp.get("/steps/<int:step_id>/output.txt")
def show_step_output(step_id: int) -> Response:
    """Send the whole output as plain text, or one `line`; `?download=1` makes a file of it."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(("download", "line"))
    number = reader.integer("line", 0)
    is_download = reader.choice("download", ("1",), "") == "1"
    refuse_errors(reader)
    step = get_step(step_id)
    response = Response(content_type="text/plain; charset=utf-8")
    name = f"run-{step.run_id}-step-{step.id}"
    if number:
        line = read_line(read_bytes(step), number)
        if line is None:
            raise NotFound(f"The output of step {step_id} has no line {str(number)[:60]}.")
        response.data, name = line, f"{name}-line-{number}"
    else:
        response.response, response.content_length = iter_output(step), step.output_bytes
    kind = "attachment" if is_download else "inline"
    response.headers.set("Content-Disposition", kind, filename=f"{name}.txt")
    return response


def refuse_errors(reader: ArgsReader) -> None:
    """Answer 400, saying what is wrong, where no page is there to say it above."""
    if reader.errors:
        raise BadRequest("; ".join(map(str, reader.errors)))


def draw_output(step: Step, reader: ArgsReader) -> dict[str, Any]:
    """Return what the templates of an output need; what is wrong goes to the reader's errors."""
    asked = _read_asked(reader)
    output = read_bytes(step)
    hits = Hits()
    if asked.q and output:
        hits = find_hits(output, asked.q, asked.marked[0] or asked.first or 1)
    lines = _find_range(step, output, asked, hits.line, reader)
    found = find_hits_in(output, lines, asked.q) if hits.n else frozenset()
    n_earlier, n_later = count_beside(output, lines, PART)
    return {
        "lines": lines,
        "drawn": list(_draw(lines, asked, found, hits.line)),
        "asked": asked,
        "hits": hits,
        "telling": find_telling(step, output),
        "is_whole": lines.first == 1 and not lines.later,
        "reader": reader,
        "n_earlier": n_earlier,
        "n_later": n_later,
    }


def _read_asked(reader: ArgsReader) -> LineAsked:
    q = reader.text("q")
    if len(q) > MAX_SEARCHED or "\n" in q or "\r" in q:
        problem = f"must be one line of at most {MAX_SEARCHED} characters"
        reader.errors.append(FilterError("q", problem))
        q = ""
    first, last = reader.integer("first", 0), reader.integer("last", 0)
    if first and last:
        reader.errors.append(FilterError("last", "must not be given beside first"))
        last = 0
    return LineAsked(first, last, _read_marked(reader), q)


def _read_marked(reader: ArgsReader) -> tuple[int, int]:
    text = reader.text("line")
    if not text:
        return 0, 0
    found = re.fullmatch("([1-9][0-9]{0,17})(?:-([1-9][0-9]{0,17}))?", text)
    if not found:
        shown = visible_text(text if len(text) <= 60 else text[:60] + "…")
        problem = f"'{shown}' is neither a line nor a range; allowed are 12 and 12-15"
        reader.errors.append(FilterError("line", problem))
        return 0, 0
    ends = sorted((int(found[1]), int(found[2] or found[1])))
    return ends[0], ends[1]


def _find_range(
    step: Step, output: bytes, asked: LineAsked, hit: int, reader: ArgsReader
) -> LineRange:
    """Return the lines asked for; a marked line goes before a range, and that before a hit."""
    total = step.output_lines
    most = PART if asked.first or asked.last or wants_fragment() else PAGE
    numbers = {"line": asked.marked[0], "first": asked.first, "last": asked.last}
    beyond = [(name, number) for name, number in numbers.items() if number > total]
    for name, number in beyond:
        problem = f"there is no line {number}; the output has {total:,}"
        reader.errors.append(FilterError(name, problem))
    if beyond or (_is_short(output, total, most) and not asked.first and not asked.last):
        return cut_end(output, total, most)
    if asked.marked[0]:
        return cut_around(output, total, asked.marked[0], most)
    if asked.first:
        return cut_from(output, total, asked.first, most)
    if asked.last:
        return cut_until(output, total, asked.last, most)
    return cut_around(output, total, hit, most) if hit else cut_end(output, total, most)


def _is_short(output: bytes, total: int, most: Most) -> bool:
    return total <= most.lines and cut_end(output, total, most).first == 1


def _draw(
    lines: LineRange, asked: LineAsked, found: frozenset[int], current: int
) -> Iterator[DrawnLine]:
    texts: list[str] = []
    for line in lines.lines:
        texts.append(line.start)
        if line.omitted:
            texts.append(f"\x1b[{line.effect}m{line.end}" if line.effect else line.end)
    rendered = iter(render_texts(texts, lines.carried))
    for line in lines.lines:
        is_marked = asked.marked[0] <= line.number <= asked.marked[1]
        classes = " marked" if is_marked else ""
        if line.number in found:
            classes += " hit current" if line.number == current else " hit"
        start = next(rendered)
        end = next(rendered) if line.omitted else ""
        hides_hit = line.omitted > 0 and line.number in found and not _shows(line, asked.q)
        yield DrawnLine(line.number, start, line.omitted, end, classes, hides_hit)


def _shows(line: Line, text: str) -> bool:
    shown = (visible_text(line.start), visible_text(line.end))
    return any(text.casefold() in part.casefold() for part in shown)


def find_telling(step: Step, output: bytes) -> tuple[int, str] | None:
    """Return number and text of the last line of a failed step that says something."""
    if step.status != "failed" or not output:
        return None
    for line in reversed(cut_end(output, step.output_lines, TELLING).lines):
        text = visible_text(line.start)
        if re.search(r"\w", _MARK.sub("", text)):
            return line.number, text[:500]
    return None
