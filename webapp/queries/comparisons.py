"""Find the other runs of a workflow, and what two runs have to be compared by."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Row, Select, Text, and_, bindparam, case, func, select

from ..columns import UtcDateTime
from ..models import Run, RunStatus, Step, StepStatus
from .conditions import Column, unindexed
from .kept import kept
from .plain import fetch
from .run_steps import TELLING_STATUSES, tell_status

# What a list of the runs of one workflow shows.
RUN_COLUMNS: tuple[Column, ...] = (
    Run.id,
    Run.status,
    Run.target,
    Run.started_at,
    Run.completed_at,
    Run.updated_at,
    Run.duration_ms,
    Run.steps_failed,
)


class Neighbours(NamedTuple):
    """The numbers of the runs of the same workflow before and after a run, if there are."""

    previous: int | None
    next: int | None


class StepSum(NamedTuple):
    """The steps of one run that share module and name, added up; `id` is that of the first."""

    id: int
    module_name: str
    step_name: str
    n: int
    status: str
    duration_ms: int | None


@kept
def find_runs_of_workflow(workflow_name: str, limit: int) -> Sequence[Row[Any]]:
    """Return the latest runs of a workflow, newest first."""
    values = {"workflow_name": workflow_name, "limit": limit}
    return fetch(_runs_of_workflow(), values).all()


def find_neighbours(run: Run) -> Neighbours:
    """Find the runs of the same workflow before and after this one."""
    values = {"workflow_name": run.workflow_name, "run_id": run.id}
    return Neighbours(*fetch(_neighbours(), values).one())


# To build such statements takes longer than to run them.
@cache
def _runs_of_workflow() -> Select[Any]:
    return (
        select(*RUN_COLUMNS)
        .where(Run.workflow_name == bindparam("workflow_name", type_=Text))
        .order_by(Run.id.desc())
        .limit(bindparam("limit", type_=Integer))
    )


@cache
def _neighbours() -> Select[tuple[int | None, int | None]]:
    run_id = bindparam("run_id", type_=BigInteger)
    same = select(Run.id).where(Run.workflow_name == bindparam("workflow_name", type_=Text))
    before = same.where(Run.id < run_id).order_by(Run.id.desc()).limit(1)
    after = same.where(Run.id > run_id).order_by(Run.id).limit(1)
    return select(before.scalar_subquery(), after.scalar_subquery())


def find_run_to_compare(run: Run) -> int | None:
    """Return the number of the run before this one that completed; else of any other one."""
    values = {"workflow_name": run.workflow_name, "run_id": run.id}
    for statement in _runs_to_compare():
        found: int | None = fetch(statement, values).scalar()
        if found is not None:
            return found
    return None


@cache
def _runs_to_compare() -> tuple[Select[tuple[int]], ...]:
    """Return the statements of the run before that completed, the run before, any other run."""
    run_id = bindparam("run_id", type_=BigInteger)
    same = select(Run.id).where(
        Run.workflow_name == bindparam("workflow_name", type_=Text), Run.id != run_id
    )
    latest = same.order_by(Run.id.desc()).limit(1)
    earlier = latest.where(Run.id < run_id)
    return earlier.where(Run.status == RunStatus.COMPLETED), earlier, latest


def find_compared_steps(run_id: int, limit: int) -> Sequence[Row[Any]]:
    """Return what a comparison needs of the steps of a run, in their places."""
    return fetch(_compared_steps(), {"run_id": run_id, "limit": limit}).all()


@cache
def _compared_steps() -> Select[Any]:
    has_run = and_(
        Step.started_at.is_not(None),
        Step.completed_at.is_not(None),
        unindexed(Step.status) != StepStatus.SKIPPED,
    )
    return (
        select(
            Step.id,
            Step.module_name,
            Step.step_name,
            Step.status,
            case((has_run, Step.duration_ms)).label("duration_ms"),
            Step.started_at,
            Step.completed_at,
        )
        .where(Step.run_id == bindparam("run_id", type_=BigInteger))
        .order_by(Step.position)
        .limit(bindparam("limit", type_=Integer))
    )


def find_step_sums(run_id: int, limit: int) -> list[StepSum]:
    """Return the same for a run of very many steps, added up by module and name."""
    statement = (
        select(
            func.min(Step.id),
            Step.module_name,
            Step.step_name,
            func.count(),
            func.sum(Step.duration_ms),
            func.max(Step.completed_at, type_=UtcDateTime),
            *(func.count().filter(Step.status == status) for status in TELLING_STATUSES),
        )
        .where(Step.run_id == run_id)
        .group_by(Step.module_name, Step.step_name)
        .order_by(func.min(Step.position))
        .limit(limit)
    )
    return [_step_sum(*row) for row in fetch(statement).all()]


def _step_sum(
    step_id: int, module: str, name: str, n: int, ms: int, ended: object, *counts: int
) -> StepSum:
    status = tell_status(n, dict(zip(TELLING_STATUSES, counts, strict=True)))
    has_run = ended and status != StepStatus.SKIPPED
    return StepSum(step_id, module, name, n, status, int(ms) if has_run else None)
