"""Count what is running, for the top bar of every page."""

from functools import cache
from typing import NamedTuple

from sqlalchemy import Select, bindparam, func, select

from ..columns import UtcDateTime, utc_now
from ..models import Run, RunStatus
from ..periods import DAY
from .plain import fetch


class Running(NamedTuple):
    """How many runs say that they are running, and how many of those have been silent for a day."""

    n: int
    n_silent: int


def count_running() -> Running:
    """Count the runs that say they are running, in one statement."""
    return Running(*fetch(_running(), {"silent_since": utc_now() - DAY}).one())


# To build it takes longer than to run it.
@cache
def _running() -> Select[tuple[int, int]]:
    is_silent = Run.updated_at <= bindparam("silent_since", type_=UtcDateTime)
    return select(func.count(), func.count().filter(is_silent)).where(
        Run.status == RunStatus.RUNNING
    )
