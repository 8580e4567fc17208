"""Read what a step printed: whole when short, else its end, or all of it piece by piece."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, LargeBinary, func, select
from sqlalchemy import cast as sql_cast

from ..extensions import db
from ..models import Step

# A longer output is not shown whole on a page.
SHOWN_LINES = 1_000
SHOWN_CHARACTERS = 256 * 1024
# The database walks from the start of a text to each piece; these are few for 11 MB.
PIECE_CHARACTERS = 1024 * 1024


class OutputChangedError(RuntimeError):
    """Raised when an output changes while it is being read: what was sent is no whole."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What a page shows of an output: whole lines, from the line with this number to the end.

    `is_cut_line` tells that a single line was too long to be shown from its start.
    """

    text: str
    lines: int
    first_line: int
    is_whole: bool
    is_cut_line: bool = False


def read_excerpt(step: Step) -> Excerpt:
    """Return the output of a step when it is short, else its last lines."""
    if step.output_lines <= SHOWN_LINES and step.output_bytes <= SHOWN_CHARACTERS:
        text = _read(step.id) if step.output_bytes else ""
        return Excerpt(text, step.output_lines, 1, is_whole=True)
    return cut_excerpt(_read_end(step), step.output_lines)


def cut_excerpt(end: str, output_lines: int) -> Excerpt:
    """Cut the last characters of an output of so many lines down to whole lines."""
    lines = end.removesuffix("\n").split("\n")
    is_cut_line = len(lines) == 1 and len(end) == SHOWN_CHARACTERS
    if len(lines) > 1 and len(lines) < output_lines:
        del lines[0]
    lines = lines[-SHOWN_LINES:]
    first_line = max(output_lines - len(lines), 0) + 1
    return Excerpt("\n".join(lines), len(lines), first_line, False, is_cut_line)


def iter_output(step: Step) -> Iterator[bytes]:
    """Return the whole output in UTF-8, piece by piece; no connection is held between them.

    Nothing of the request is needed to go on, so that a slow reader does not keep its session.
    Raises OutputChangedError, while read, when the step went on meanwhile.
    """
    return _iter_pieces(db.engine, step.id, step.output_bytes)


def _iter_pieces(engine: Engine, step_id: int, output_bytes: int) -> Iterator[bytes]:
    start, left = 1, output_bytes
    while left:
        piece = _read_piece(engine, step_id, start)
        start, left = start + PIECE_CHARACTERS, left - len(piece)
        if not piece or left < 0:
            raise OutputChangedError(f"the output of step {step_id} changed while it was sent")
        yield piece


def _read(step_id: int) -> str:
    return db.session.execute(select(Step.output).where(Step.id == step_id)).scalar_one()


def read_bytes(step: Step) -> bytes:
    """Return the whole output of a step in UTF-8.

    SQLite gives it faster than it finds a part of it; PostgreSQL unpacks it whole for any part.
    """
    if not step.output_bytes:
        return b""
    if db.engine.dialect.name == "sqlite":
        statement = select(sql_cast(Step.output, LargeBinary)).where(Step.id == step.id)
        return bytes(db.session.execute(statement).scalar_one())
    return _read(step.id).encode()


def _read_end(step: Step) -> str:
    start = max(step.output_bytes - SHOWN_CHARACTERS, 0) + 1
    in_bytes = (
        sql_cast(Step.output, LargeBinary)
        if db.engine.dialect.name == "sqlite"
        else func.convert_to(Step.output, "UTF8", type_=LargeBinary)
    )
    statement = select(func.substr(in_bytes, start)).where(Step.id == step.id)
    end = bytes(db.session.execute(statement).scalar_one())
    # The first character may be cut in two.
    return end.decode(errors="ignore")


def _read_piece(engine: Engine, step_id: int, start: int) -> bytes:
    statement = select(func.substr(Step.output, start, PIECE_CHARACTERS)).where(Step.id == step_id)
    with engine.connect() as connection:
        return (connection.execute(statement).scalar() or "").encode()
