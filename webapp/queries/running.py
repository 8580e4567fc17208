"""Count what is running, for the top bar of every page."""

from typing import NamedTuple

from sqlalchemy import func, select

from ..columns import utc_now
from ..extensions import db
from ..models import Run, RunStatus
from ..periods import DAY


class Running(NamedTuple):
    """How many runs say that they are running, and how many of those have been silent for a day."""

    n: int
    n_silent: int


def count_running() -> Running:
    """Count the runs that say they are running, in one statement."""
    is_silent = Run.updated_at <= utc_now() - DAY
    statement = select(func.count(), func.count().filter(is_silent)).where(
        Run.status == RunStatus.RUNNING
    )
    return Running(*db.session.execute(statement).one())
