"""Find what failed in a period of time, and what failed alike."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from ..columns import UtcDateTime
from ..extensions import db
from ..models import Run, RunStatus, Step, StepStatus
from ..periods import Period
from .conditions import unindexed
from .counts import Total, count_up_to

ENDED_BADLY = (RunStatus.FAILED, RunStatus.CANCELLED)
# So many of the newest failures are grouped; and of those without a start, looked at.
GROUPED = 300
COLUMNS = (
    Step.id,
    Step.run_id,
    Step.step_name,
    Step.status,
    Step.preview,
    Step.started_at,
    Run.workflow_name,
    Run.target,
)


class FailureGroup(NamedTuple):
    """Steps of one name that failed with the same line; `step_id` is the newest of them."""

    step_name: str
    line: str
    n: int
    step_id: int
    last_at: datetime


class FailureGroups(NamedTuple):
    """Some groups, how many there are, of how many steps, and the period in which these began."""

    shown: list[FailureGroup]
    n: int
    n_steps: int
    period: Period


def find_failed_steps(period: Period, limit: int) -> Sequence[Row[Any]]:
    """Return the steps of a period that failed, the latest start first."""
    return _find_steps(select(Step.id).where(*_failed_in(period)), limit, 0)


def find_steps_failed_alike(
    step: Step, period: Period, limit: int, offset: int
) -> Sequence[Row[Any]]:
    """Return one page of the steps of a period that failed as this one did."""
    return _find_steps(_alike(step, period), limit, offset)


def count_steps_failed_alike(step: Step, period: Period) -> Total:
    """Count the steps of a period that failed as this one did."""
    return count_up_to(_alike(step, period), exact=False)


def find_runs_that_failed_alone(period: Period, limit: int) -> Sequence[Row[Any]]:
    """Return the runs of a period that failed or were cancelled, but by no step with a start.

    A run whose failed steps have no start is found by the GROUPED newest of such steps.
    """
    unplaced = (
        select(Step.run_id)
        .where(Step.started_at.is_(None), Step.status == StepStatus.FAILED)
        .order_by(Step.id.desc())
        .limit(GROUPED)
    )
    statement = (
        select(
            Run.id,
            Run.status,
            Run.error,
            Run.started_at,
            Run.workflow_name,
            Run.target,
            Run.steps_failed,
        )
        .where(
            Run.started_at >= period.after,
            Run.started_at < period.before,
            unindexed(Run.status).in_(ENDED_BADLY),
            or_(Run.steps_failed == 0, unindexed(Run.id).in_(unplaced)),
        )
        .order_by(Run.started_at.desc().nulls_last(), Run.id.desc())
        .limit(limit)
    )
    return db.session.execute(statement).all()


def find_failure_groups(period: Period, total: Total, limit: int) -> FailureGroups:
    """Group those of the `total` failed steps of a period that failed alike, most of them first.

    Of more than GROUPED only the latest are grouped: the period that is returned is theirs.
    """
    if total.n > GROUPED:
        period = Period(_find_start_of(period, GROUPED), period.before)
    rows = db.session.execute(_groups_in(period).limit(limit)).all()
    groups = [FailureGroup(*row[:5]) for row in rows]
    n_groups, n_steps = rows[0][5:] if rows else (0, 0)
    return FailureGroups(groups, n_groups, int(n_steps), period)


def _groups_in(period: Period) -> Select[Any]:
    """Return the values of each group, then how many groups there are, and of how many steps."""
    ids = select(Step.id).where(*_failed_in(period))
    last_id, n = func.max(Step.id), func.count()
    return (
        select(
            Step.step_name,
            Step.preview,
            n,
            last_id,
            func.max(Step.started_at, type_=UtcDateTime),
            func.count().over(),
            func.sum(n).over(),
        )
        .where(Step.id.in_(ids))
        .group_by(Step.step_name, Step.preview)
        .having(n > 1)
        .order_by(n.desc(), last_id.desc())
    )


def _failed_in(period: Period) -> list[ColumnElement[bool]]:
    return [
        Step.started_at >= period.after,
        Step.started_at < period.before,
        Step.status == StepStatus.FAILED,
    ]


def _alike(step: Step, period: Period) -> Select[tuple[int]]:
    return select(Step.id).where(
        *_failed_in(period),
        unindexed(Step.step_name) == step.step_name,
        Step.preview == step.preview,
    )


def _find_steps(ids: Select[tuple[int]], limit: int, offset: int) -> Sequence[Row[Any]]:
    order = (Step.started_at.desc().nulls_last(), Step.id.desc())
    wanted = ids.order_by(*order).limit(limit).offset(offset)
    statement = (
        select(*COLUMNS)
        .select_from(Step)
        .join(Run, Run.id == Step.run_id)
        .where(Step.id.in_(wanted))
        .order_by(*order)
    )
    return db.session.execute(statement).all()


def _find_start_of(period: Period, n: int) -> datetime:
    """Return when the n-th latest failed step of a period began, or where the period begins."""
    statement = (
        select(Step.started_at)
        .where(*_failed_in(period))
        .order_by(Step.started_at.desc().nulls_last())
        .offset(n - 1)
        .limit(1)
    )
    return db.session.execute(statement).scalar() or period.after
