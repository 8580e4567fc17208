"""Tell how long runs of a workflow usually take."""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from sqlalchemy import Select, literal, select, union_all

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
        some = enumerate(names[start : start + NAMES_AT_ONCE], start)
        for number, ms in db.session.execute(union_all(*(_latest_of(*one) for one in some))):
            durations.setdefault(number, []).append(ms)
    return {names[n]: Usual(round(median(found)), len(found)) for n, found in durations.items()}


def _latest_of(number: int, name: str) -> Select[tuple[int, int | None]]:
    latest = (
        select(Run.duration_ms)
        .where(
            Run.workflow_name == name,
            Run.status == RunStatus.COMPLETED,
            Run.duration_ms.is_not(None),
        )
        .order_by(Run.id.desc())
        .limit(LATEST)
        .subquery()
    )
    return select(literal(number), latest.c.duration_ms)
