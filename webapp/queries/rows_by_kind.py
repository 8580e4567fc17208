"""Count the rows of each kind, for who watches the server; no table of steps is walked."""

from sqlalchemy import func, literal, select, union_all

from ..extensions import db
from ..models import BlockCount, Run, Session, Source, Token, User
from .counts import count_by_value

# Whose rows are few enough to be counted.
SMALL = {"sources": Source, "users": User, "tokens": Token, "sessions": Session}


def count_steps_by_status() -> dict[str, int]:
    """Return how many steps stand at each status, from the kept counts."""
    return count_by_value(BlockCount.status)


def count_runs_by_status() -> dict[str, int]:
    """Return how many runs stand at each status: a walk over an index of them."""
    statement = select(Run.status, func.count()).group_by(Run.status)
    return {status: n for status, n in db.session.execute(statement).all()}


def count_rows_by_kind() -> dict[str, int]:
    """Return how many rows each of the small tables has."""
    counted = [
        select(literal(kind), func.count()).select_from(model) for kind, model in SMALL.items()
    ]
    return {kind: n for kind, n in db.session.execute(union_all(*counted)).all()}
