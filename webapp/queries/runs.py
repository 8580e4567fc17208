"""Find runs and what belongs to them."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, func, select
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import NotFound

from ..columns import UtcDateTime
from ..extensions import db
from ..filters import MAX_INTEGER, RunFilters
from ..models import Artifact, Recovered, Run, Step, StepStatus
from .conditions import Column, unindexed
from .counts import run_conditions

# A group of steps has the first of these that one of them has, else it completed.
_TELLING_STATUSES = (StepStatus.FAILED, StepStatus.RUNNING, StepStatus.PENDING)


class StepGroup(NamedTuple):
    """Steps of one run that share a module or a name, as one."""

    name: str
    n: int
    status: str
    started_at: datetime | None
    completed_at: datetime | None


def find_runs(filters: RunFilters) -> Sequence[Run]:
    """Return one page of runs, in the order of the filters."""
    statement = (
        select(Run)
        .where(*run_conditions(filters))
        .order_by(Run.id.desc() if filters.sort == "-id" else Run.id)
        .limit(filters.limit)
        .offset(filters.offset)
    )
    return db.session.execute(statement).scalars().all()


def get_run(key: str) -> Run:
    """Return a run by its number or its UUID, with its source, or answer 404.

    Of a UUID that several sources have, the run imported last is meant.
    """
    is_number = re.fullmatch("[0-9]{1,19}", key) and int(key) <= MAX_INTEGER
    # PostgreSQL takes no NUL in a text; no run has one.
    condition = Run.id == int(key) if is_number else Run.run_uuid == key.replace("\0", "␀")
    statement = (
        select(Run)
        .where(condition)
        .options(joinedload(Run.source))
        .order_by(Run.id.desc())
        .limit(1)
    )
    run = db.session.execute(statement).scalar_one_or_none()
    if run is None:
        raise NotFound(f"There is no run {key[:60]}.")
    return run


def find_steps_of_run(
    run_id: int, columns: Sequence[Column], limit: int, offset: int = 0
) -> Sequence[Row[Any]]:
    """Return these columns of a run's steps, in the order in which they ended."""
    # Sorted by themselves, so that no output is carried through the sort.
    ids = (
        select(Step.id)
        .where(Step.run_id == run_id)
        .order_by(Step.position, Step.id)
        .limit(limit)
        .offset(offset)
    )
    statement = (
        select(*columns)
        .select_from(Step)
        .join(Run, Run.id == Step.run_id)
        .where(Step.id.in_(ids))
        .order_by(Step.position, Step.id)
    )
    return db.session.execute(statement).all()


def find_artifacts_of_run(
    run_id: int, limit: int | None = None, offset: int = 0
) -> Sequence[Artifact]:
    """Return a run's artifacts in the order of import."""
    statement = (
        select(Artifact)
        .where(Artifact.run_id == run_id)
        .order_by(Artifact.id)
        .limit(limit)
        .offset(offset)
    )
    return db.session.execute(statement).scalars().all()


def count_artifacts_of_run(run_id: int) -> int:
    """Count the files that a run left behind."""
    statement = select(func.count()).select_from(Artifact).where(Artifact.run_id == run_id)
    return db.session.execute(statement).scalar_one()


def find_neighbour(run_id: int, position: int, forward: bool) -> Row[tuple[int, str]] | None:
    """Return (id, step_name) of the step before or after this place in a run, if there is one."""
    statement = select(Step.id, Step.step_name).where(Step.run_id == run_id).limit(1)
    if forward:
        statement = statement.where(Step.position > position).order_by(Step.position)
    else:
        statement = statement.where(Step.position < position).order_by(Step.position.desc())
    return db.session.execute(statement).first()


def find_same_workflow(run: Run, forward: bool) -> int | None:
    """Return the number of the run of the same workflow before or after this one."""
    statement = select(Run.id).where(Run.workflow_name == run.workflow_name).limit(1)
    if forward:
        statement = statement.where(Run.id > run.id).order_by(Run.id)
    else:
        statement = statement.where(Run.id < run.id).order_by(Run.id.desc())
    return db.session.execute(statement).scalar()


def find_last_failed_step(run_id: int) -> Row[tuple[int, str, int]] | None:
    """Return (id, step_name, position) of the step whose failure came last."""
    statement = (
        select(Step.id, Step.step_name, Step.position)
        .where(Step.run_id == run_id, unindexed(Step.status) == StepStatus.FAILED)
        .order_by(Step.position.desc())
        .limit(1)
    )
    return db.session.execute(statement).first()


def count_recovered_steps(run_id: int) -> dict[str, int]:
    """Count a run's steps that its source's database lacks, by where they were found."""
    statement = (
        select(Step.recovered, func.count())
        .where(Step.run_id == run_id, Step.recovered != Recovered.NO)
        .group_by(Step.recovered)
        .order_by(Step.recovered.desc())
    )
    return {recovered: n for recovered, n in db.session.execute(statement)}


def find_step_groups(run_id: int, column: Column, limit: int) -> list[StepGroup]:
    """Return the steps of a run by a column, in the order in which the groups began."""
    statement = (
        select(
            column,
            func.count(),
            func.min(Step.started_at, type_=UtcDateTime),
            func.max(Step.completed_at, type_=UtcDateTime),
            *(func.count().filter(Step.status == status) for status in _TELLING_STATUSES),
        )
        .where(Step.run_id == run_id)
        .group_by(column)
        .order_by(func.min(Step.position))
        .limit(limit)
    )
    return [_step_group(*row) for row in db.session.execute(statement)]


def _step_group(
    name: str, n: int, start: datetime | None, end: datetime | None, *counts: int
) -> StepGroup:
    told = zip(_TELLING_STATUSES, counts, strict=True)
    status = next((status for status, count in told if count), StepStatus.COMPLETED)
    return StepGroup(name, n, status, start, None if status == StepStatus.RUNNING else end)
