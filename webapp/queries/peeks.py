"""Read the last lines of what a step printed."""

from typing import NamedTuple

from sqlalchemy import case, func, select

from ..extensions import db
from ..models import Step

SHOWN_LINES = 40
SHOWN_CHARACTERS = 16 * 1024


class Peek(NamedTuple):
    """The last lines of an output; the first of them has the number `first_line`.

    `is_cut` tells that the only line was too long to be shown from its start.
    """

    lines: list[str]
    first_line: int
    is_cut: bool


def read_peek(step: Step) -> Peek:
    """Return the last lines of a step's output, and no more of them than are read at once."""
    if not step.output_bytes:
        return Peek([], 1, is_cut=False)
    return cut_peek(_read_end(step.id), step.output_lines)


def cut_peek(end: str, output_lines: int) -> Peek:
    """Cut the last characters of an output of so many lines down to whole lines."""
    lines = end.removesuffix("\n").split("\n")
    is_cut = len(end) == SHOWN_CHARACTERS and len(lines) == 1
    if 1 < len(lines) < output_lines:
        del lines[0]
    lines = lines[-SHOWN_LINES:]
    return Peek(lines, max(output_lines - len(lines), 0) + 1, is_cut)


def _read_end(step_id: int) -> str:
    length = func.length(Step.output)
    start = case((length > SHOWN_CHARACTERS, length - SHOWN_CHARACTERS + 1), else_=1)
    statement = select(func.substr(Step.output, start)).where(Step.id == step_id)
    return str(db.session.execute(statement).scalar_one())
