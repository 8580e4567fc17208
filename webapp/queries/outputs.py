"""Read what a step printed: for a page at once, for sending piece by piece."""

from collections.abc import Iterator

from sqlalchemy import Engine, LargeBinary, cast, func, select

from ..extensions import db
from ..models import Step

# The database walks from the start of a text to each piece; these are few for 11 MB.
PIECE_CHARACTERS = 1024 * 1024


class OutputChangedError(RuntimeError):
    """Raised when an output changes while it is being read: what was sent is no whole."""


def iter_output(step: Step) -> Iterator[bytes]:
    """Return the whole output in UTF-8, piece by piece; no connection is held between them.

    Nothing of the request is needed to go on, so that a slow reader does not keep its session.
    Raises OutputChangedError, while read, when the step went on meanwhile.
    """
    # From where the step itself was read: another database may have another moment of it.
    engine = db.session.get_bind(Step, clause=select(Step))
    return _iter_pieces(engine.engine, step.id, step.output_bytes)


def _iter_pieces(engine: Engine, step_id: int, output_bytes: int) -> Iterator[bytes]:
    start, left = 1, output_bytes
    while left:
        piece = _read_piece(engine, step_id, start)
        start, left = start + PIECE_CHARACTERS, left - len(piece)
        if not piece or left < 0:
            raise OutputChangedError(f"the output of step {step_id} changed while it was sent")
        yield piece


def read_bytes(step: Step) -> bytes:
    """Return the whole output of a step in UTF-8.

    SQLite gives it faster than it finds a part of it; PostgreSQL unpacks it whole for any part.
    """
    if not step.output_bytes:
        return b""
    if db.engine.dialect.name == "sqlite":
        in_bytes = select(cast(Step.output, LargeBinary)).where(Step.id == step.id)
        return bytes(db.session.execute(in_bytes).scalar_one())
    statement = select(Step.output).where(Step.id == step.id)
    return db.session.execute(statement).scalar_one().encode()


def _read_piece(engine: Engine, step_id: int, start: int) -> bytes:
    statement = select(func.substr(Step.output, start, PIECE_CHARACTERS)).where(Step.id == step_id)
    with engine.connect() as connection:
        return (connection.execute(statement).scalar() or "").encode()
