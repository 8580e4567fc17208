"""Find the steps of one run: a page of them, those that go on, their groups, the one that failed.

Each goes along the index of (run, position), and reads no output.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Row,
    Select,
    bindparam,
    cast,
    func,
    null,
    select,
)

from ..columns import UtcDateTime
from ..models import Recovered, Run, Step, StepStatus
from .conditions import Column, any_of, unindexed
from .plain import fetch

# The word for those that the source's database lacks, wherever they were found.
RECOVERED = "recovered"
UNFINISHED = (StepStatus.RUNNING, StepStatus.PENDING)
# What tells the status of a group of steps, beside how many they are.
TELLING_STATUSES = (
    StepStatus.FAILED,
    StepStatus.RUNNING,
    StepStatus.PENDING,
    StepStatus.SKIPPED,
)
_PLACES_FOUND = (Recovered.EXECUTION_LOG, Recovered.CONSOLE_LOG)


class RunStep(NamedTuple):
    """A step as its run's page shows it: these columns, which are read by name ten times each."""

    id: int
    position: int
    step_name: str
    step_type: str
    status: str
    module_name: str
    recovered: str
    duration_ms: int
    started_at: datetime | None
    completed_at: datetime | None
    preview: str
    output_bytes: int
    output_lines: int


ROW_COLUMNS: tuple[Column, ...] = tuple(getattr(Step, name) for name in RunStep._fields)


class StepGroup(NamedTuple):
    """Steps of one run that share a module or a name, as one."""

    name: str
    n: int
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    failed: int


class StepGroups(NamedTuple):
    """The groups of a run's steps, and what else is learnt of them on the way.

    `n` is how many there are beyond the limit too. `recovered` counts by where they were found;
    `failed_at` is the place of the last that failed.
    """

    groups: list[StepGroup]
    n: int
    recovered: dict[str, int]
    failed_at: int | None


def find_run_steps(run_id: int, shown: str, limit: int, offset: int = 0) -> Sequence[RunStep]:
    """Return the rows of a run's steps that have a status or are recovered; "" means all."""
    values = {"run_id": run_id, "limit": limit, "offset": offset}
    return [RunStep._make(row) for row in fetch(_page(shown), values).all()]


def find_run_steps_after(run_id: int, position: int, shown: str, limit: int) -> Sequence[RunStep]:
    """Return the same of the steps beyond a place in the run."""
    return _find_rows(_ids(run_id, shown).where(Step.position > position).limit(limit))


def find_run_steps_by_ids(run_id: int, ids: Sequence[int]) -> Sequence[RunStep]:
    """Return the rows of those of these steps that are the run's."""
    if not ids:
        return []
    statement = (
        select(*ROW_COLUMNS)
        .where(any_of(Step.id, ids), unindexed(Step.run_id) == run_id)
        .order_by(Step.position, Step.id)
    )
    return [RunStep._make(row) for row in fetch(statement).all()]


def find_failed_step_at(run_id: int, position: int) -> RunStep | None:
    """Return the row of the step that failed at a place in the run; several may stand there."""
    ids = _ids(run_id, StepStatus.FAILED).where(Step.position == position)
    return next(iter(_find_rows(ids.order_by(None).order_by(Step.id.desc()).limit(1))), None)


def count_recovered_steps(run_id: int) -> dict[str, int]:
    """Count a run's steps that its source's database lacks, by where they were found."""
    statement = (
        select(Step.recovered, func.count())
        .where(Step.run_id == run_id, unindexed(Step.recovered) != Recovered.NO)
        .group_by(Step.recovered)
        .order_by(Step.recovered.desc())
    )
    return {recovered: n for recovered, n in fetch(statement).all()}


def has_modules(run_id: int) -> bool:
    """Tell whether the first or the last step of a run is in a module."""
    steps = select(Step.module_name).where(Step.run_id == run_id).limit(1)
    ends = (steps.order_by(Step.position), steps.order_by(Step.position.desc()))
    return any(fetch(end).scalar() for end in ends)


def find_step_groups(run: Run, column: Column, limit: int) -> StepGroups:
    """Return the steps of a run by a column, in the order in which the groups began."""
    # Only what the run's own counts say that there is; each costs a look at every step.
    telling = [status for status in TELLING_STATUSES if getattr(run, f"steps_{status}")]
    failed_at = func.max(Step.position).filter(Step.status == StepStatus.FAILED)
    none_failed = func.max(cast(null(), Integer))
    statement = (
        select(
            column,
            func.count(),
            func.min(Step.started_at, type_=UtcDateTime),
            func.max(Step.completed_at, type_=UtcDateTime),
            # Over all groups, also those beyond the limit.
            func.count().over(),
            func.max(failed_at if StepStatus.FAILED in telling else none_failed).over(),
            *(func.sum(_count(Step.recovered, place)).over() for place in _PLACES_FOUND),
            *(_count(Step.status, status) for status in telling),
        )
        .where(Step.run_id == run.id)
        .group_by(column)
        .order_by(func.min(Step.position))
        .limit(limit)
    )
    rows = fetch(statement).all()
    n, failed, *found = rows[0][4:8] if rows else (0, None, 0, 0)
    recovered = {place.value: int(n) for place, n in zip(_PLACES_FOUND, found, strict=True) if n}
    return StepGroups([_step_group(row, telling) for row in rows], n, recovered, failed)


def tell_status(n: int, counts: Mapping[StepStatus, int]) -> StepStatus:
    """Return the status of n steps as one: the worst of them; skipped, when all of them were."""
    if n and counts.get(StepStatus.SKIPPED) == n:
        return StepStatus.SKIPPED
    telling = (status for status in TELLING_STATUSES if status != StepStatus.SKIPPED)
    return next((status for status in telling if counts.get(status)), StepStatus.COMPLETED)


# To build it takes longer than to run it; there are as many as `shown` has values.
@cache
def _page(shown: str) -> Select[Any]:
    ids = _ids(bindparam("run_id", type_=BigInteger), shown)
    limit, offset = (bindparam(name, type_=BigInteger) for name in ("limit", "offset"))
    return _rows(ids.limit(limit).offset(offset))


def _ids(run_id: int | BindParameter[int], shown: str) -> Select[tuple[int]]:
    statement = select(Step.id).where(Step.run_id == run_id).order_by(Step.position, Step.id)
    return statement.where(*_conditions(shown))


def _conditions(shown: str) -> Iterable[ColumnElement[bool]]:
    if shown == RECOVERED:
        yield unindexed(Step.recovered) != Recovered.NO
    elif shown:
        yield unindexed(Step.status) == shown


def _find_rows(ids: Select[tuple[int]]) -> Sequence[RunStep]:
    return [RunStep._make(row) for row in fetch(_rows(ids)).all()]


def _rows(ids: Select[tuple[int]]) -> Select[Any]:
    # The ids are sorted by themselves, so that no row is carried through the sort.
    return select(*ROW_COLUMNS).where(Step.id.in_(ids)).order_by(Step.position, Step.id)


def _count(column: Column, value: str) -> ColumnElement[int]:
    return func.count().filter(column == value)


def _step_group(row: Row[Any], telling: Sequence[StepStatus]) -> StepGroup:
    name, n, start, end, *_ = row
    counts = dict(zip(telling, row[8:], strict=True))
    status, failed = tell_status(n, counts), counts.get(StepStatus.FAILED, 0)
    return StepGroup(name, n, status, start, None if status == StepStatus.RUNNING else end, failed)
