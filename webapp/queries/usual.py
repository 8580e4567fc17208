"""Tell how long runs of a workflow usually take."""

from collections.abc import Iterable
from functools import cache
from statistics import median
from typing import NamedTuple

from sqlalchemy import CompoundSelect, Select, Text, bindparam, literal, select, union_all

from ..extensions import db
from ..models import Run, RunStatus

# Of so many runs that ended well, the latest; fewer will do.
LATEST = 20
# SQLite joins no more than 500 SELECTs to one.
NAMES_AT_ONCE = 200


class Usual(NamedTuple):
    """The median duration in milliseconds, and of how many runs it is."""

    ms: int
    n: int


def find_usual_durations(workflow_names: Iterable[str]) -> dict[str, Usual]:
    """Return the usual duration of each workflow that has ever completed; one statement for 200."""
    names = sorted(set(workflow_names))
    durations: dict[int, list[int]] = {}
    for start in range(0, len(names), NAMES_AT_ONCE):
        some = names[start : start + NAMES_AT_ONCE]
        bound = {f"name_{number}": name for number, name in enumerate(some)}
        for number, ms in db.session.execute(_latest(len(some)), bound):
            durations.setdefault(start + number, []).append(ms)
    return {names[n]: Usual(round(median(found)), len(found)) for n, found in durations.items()}


# To build a statement of so many parts takes longer than to run it.
@cache
def _latest(n: int) -> CompoundSelect[tuple[int, int | None]]:
    return union_all(*(_latest_of(number) for number in range(n)))


def _latest_of(number: int) -> Select[tuple[int, int | None]]:
    latest = (
        select(Run.duration_ms)
        .where(
            Run.workflow_name == bindparam(f"name_{number}", type_=Text),
            Run.status == RunStatus.COMPLETED,
            Run.duration_ms.is_not(None),
        )
        .order_by(Run.id.desc())
        .limit(LATEST)
        .subquery()
    )
    return select(literal(number), latest.c.duration_ms)
