"""Find the workflows, and how their latest runs went."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, BindParameter, Row, Select, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from ..models import Run, RunStatus
from .conditions import unindexed
from .counts import COUNTED, Total
from .distinct import distinct_values
from .kept import kept
from .latest import find_latest_of_each
from .plain import fetch
from .usual import Usual, find_usual_durations

# How many of the runs that ended tell how well a workflow does.
LATEST = 20
LAST_COLUMNS = (Run.id, Run.workflow_name, Run.status, Run.started_at, Run.updated_at)
ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


class EndedRun(NamedTuple):
    """How one run ended."""

    id: int
    status: str


class Workflow(NamedTuple):
    """A workflow: its last run (LAST_COLUMNS), those that ended last (oldest first), the usual."""

    name: str
    runs: Total
    last: Row[Any]
    ended: list[EndedRun]
    usual: Usual | None

    @property
    def n_ok(self) -> int:
        """Return how many of the latest runs that ended did so well."""
        return sum(run.status == RunStatus.COMPLETED for run in self.ended)


class Workflows(NamedTuple):
    """Some workflows, and how many there are."""

    shown: list[Workflow]
    n: int

    @property
    def total(self) -> Total:
        """Return how many there are, as lists say it."""
        return Total(self.n)


@kept
def find_workflows(limit: int, offset: int = 0) -> Workflows:
    """Return some workflows; those whose last runs are the newest stand first."""
    rows = _find_newest(limit, offset)
    names = [row.workflow_name for row in rows]
    ended = _find_ended(names)
    usual = find_usual_durations(names)
    shown = [
        Workflow(
            name=row.workflow_name,
            runs=Total(row.n) if row.n <= COUNTED else Total(COUNTED, is_exact=False),
            last=row,
            ended=ended.get(row.workflow_name, []),
            usual=usual.get(row.workflow_name),
        )
        for row in rows
    ]
    return Workflows(shown, rows[0].n_workflows if rows else 0)


def _find_newest(limit: int, offset: int) -> Sequence[Row[Any]]:
    """Return of each workflow its last run and its number of runs, and how many there are."""
    return fetch(_newest(), {"limit": limit, "offset": offset}).all()


# To build such a statement takes longer than to run it.
@cache
def _newest() -> Select[Any]:
    value = distinct_values(Run.workflow_name)
    one, other = aliased(Run), aliased(Run)
    last_id = select(func.max(one.id)).where(one.workflow_name == value.c.value).scalar_subquery()
    newest = (
        select(value.c.value, last_id.label("last_id"), func.count().over().label("n_workflows"))
        .where(value.c.value.is_not(None))
        .order_by(last_id.desc())
        .limit(bindparam("limit", type_=BigInteger))
        .offset(bindparam("offset", type_=BigInteger))
        .subquery()
    )
    counted = (
        select(other.id)
        .where(other.workflow_name == newest.c.value)
        .limit(COUNTED + 1)
        .correlate(newest)
        .subquery()
    )
    n = select(func.count()).select_from(counted).scalar_subquery()
    return (
        select(*LAST_COLUMNS, n.label("n"), newest.c.n_workflows)
        .join(newest, newest.c.last_id == Run.id)
        .order_by(Run.id.desc())
    )


def _find_ended(names: list[str]) -> dict[str, list[EndedRun]]:
    """Return the latest runs of each workflow that ended, oldest first."""
    found: dict[str, list[EndedRun]] = defaultdict(list)
    for name, *run in find_latest_of_each(_latest_ended, names):
        found[name].insert(0, EndedRun(*run))
    return found


def _latest_ended(workflow_name: BindParameter[str]) -> Select[tuple[int, str]]:
    return (
        select(Run.id, Run.status)
        .where(
            Run.workflow_name == workflow_name,
            # A list of values would be written out anew for each request.
            or_(*(unindexed(Run.status) == status for status in ENDED)),
        )
        .order_by(Run.id.desc())
        .limit(LATEST)
    )
