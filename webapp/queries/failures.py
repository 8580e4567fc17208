"""Find what failed in a period of time, and what failed alike."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Row, Select, bindparam, func, or_, select

from ..columns import UtcDateTime
from ..models import Run, RunStatus, Step, StepStatus
from ..periods import Period
from .conditions import Column, either, unindexed
from .counts import Total, count_up_to
from .kept import kept
from .plain import fetch

ENDED_BADLY = (RunStatus.FAILED, RunStatus.CANCELLED)
# So many of the newest failures are grouped; and of those without an end, looked at.
GROUPED = 300
COLUMNS = (
    Step.id,
    Step.run_id,
    Step.step_name,
    Step.status,
    Step.preview,
    Step.started_at,
    Step.completed_at,
    Step.updated_at,
    Run.workflow_name,
    Run.target,
)
RUN_COLUMNS = (
    Run.id,
    Run.status,
    Run.error,
    Run.completed_at,
    Run.updated_at,
    Run.workflow_name,
    Run.target,
    Run.steps_failed,
)
# What a statement that is built once is given each time.
AFTER, BEFORE = bindparam("after", type_=UtcDateTime), bindparam("before", type_=UtcDateTime)
LIMIT = bindparam("limit", type_=BigInteger)


class FailureGroup(NamedTuple):
    """Steps of one name that failed with the same line; `step_id` is the newest of them."""

    step_name: str
    line: str
    n: int
    step_id: int
    last_at: datetime


class FailureGroups(NamedTuple):
    """Some groups, how many there are, of how many steps, and the period in which these failed."""

    shown: list[FailureGroup]
    n: int
    n_steps: int
    period: Period


@kept
def find_failed_steps(period: Period, limit: int) -> Sequence[Row[Any]]:
    """Return the steps that failed in a period, the latest end first.

    Of one whose end is not known its last sign of life has to lie in the period.
    """
    found = fetch(_failed_steps(), {**_times(period), "limit": limit}).all()
    return sorted(found, key=last_sign_of, reverse=True)[:limit]


def find_steps_failed_alike(
    step: Step, period: Period, limit: int, offset: int
) -> Sequence[Row[Any]]:
    """Return one page of the steps of a period that failed as this one did."""
    alike = _alike(step).order_by(*_latest_end(Step)).limit(limit).offset(offset)
    return fetch(_steps(alike), _times(period)).all()


def count_steps_failed_alike(step: Step, period: Period) -> Total:
    """Count the steps of a period that failed as this one did."""
    return count_up_to(_alike(step).params(_times(period)), exact=False)


@kept
def find_runs_that_failed_alone(period: Period, limit: int) -> Sequence[Row[Any]]:
    """Return the runs that failed or were cancelled in a period, but by no step with an end.

    A run whose failed steps have no end is found by the GROUPED newest of such steps. Of one whose
    own end is not known its last sign of life has to lie in the period.
    """
    found = fetch(_runs_failed_alone(), {**_times(period), "limit": limit}).all()
    return sorted(found, key=last_sign_of, reverse=True)[:limit]


def last_sign_of(row: Row[Any]) -> tuple[datetime, int]:
    """Return what failures are sorted by: when it ended, or was heard of last, and its id."""
    return row.completed_at or row.updated_at, row.id


@kept
def find_failure_groups(period: Period, total: Total, limit: int) -> FailureGroups:
    """Group those of the `total` failed steps of a period that failed alike, most of them first.

    Of more than GROUPED only the latest are grouped: the period that is returned is theirs.
    """
    if total.n > GROUPED:
        period = Period(_find_start_of(period, GROUPED), period.before)
    rows = fetch(_groups(), {**_times(period), "limit": limit}).all()
    groups = [FailureGroup(*row[:5]) for row in rows]
    n_groups, n_steps = rows[0][5:] if rows else (0, 0)
    return FailureGroups(groups, n_groups, int(n_steps), period)


# To build such statements takes longer than to run them: each is built once.
@cache
def _failed_steps() -> Select[Any]:
    ended = select(Step.id).where(*_failed()).order_by(*_latest_end(Step)).limit(LIMIT)
    endless = (
        select(Step.id)
        .where(Step.id.in_(_endless(Step.id)), *_in_period(Step.updated_at))
        .order_by(Step.updated_at.desc(), Step.id.desc())
        .limit(LIMIT)
    )
    return _steps(either(ended, endless))


@cache
def _runs_failed_alone() -> Select[Any]:
    alone = or_(Run.steps_failed == 0, unindexed(Run.id).in_(_endless(Step.run_id)))
    # A list of values would be written out anew for each request.
    bad = (or_(*(unindexed(Run.status) == status for status in ENDED_BADLY)), alone)
    ended = select(Run.id).where(*_in_period(Run.completed_at), *bad)
    endless = select(Run.id).where(Run.completed_at.is_(None), *_in_period(Run.updated_at), *bad)
    ids = either(
        ended.order_by(*_latest_end(Run)).limit(LIMIT),
        endless.order_by(Run.updated_at.desc(), Run.id.desc()).limit(LIMIT),
    )
    return select(*RUN_COLUMNS).where(Run.id.in_(ids))


@cache
def _groups() -> Select[Any]:
    """Return the values of each group, then how many groups there are, and of how many steps."""
    ids = select(Step.id).where(*_failed())
    last_id, n = func.max(Step.id), func.count()
    return (
        select(
            Step.step_name,
            Step.preview,
            n,
            last_id,
            func.max(Step.completed_at, type_=UtcDateTime),
            func.count().over(),
            func.sum(n).over(),
        )
        .where(Step.id.in_(ids))
        .group_by(Step.step_name, Step.preview)
        .having(n > 1)
        .order_by(n.desc(), last_id.desc())
        .limit(LIMIT)
    )


def _failed() -> list[ColumnElement[bool]]:
    return [*_in_period(Step.completed_at), Step.status == StepStatus.FAILED]


def _in_period(column: Column) -> list[ColumnElement[bool]]:
    return [column >= AFTER, column < BEFORE]


def _times(period: Period) -> dict[str, Any]:
    return {AFTER.key: period.after, BEFORE.key: period.before}


def _endless(column: Column) -> Select[Any]:
    """Return this column of the newest failed steps of which nobody knows when they ended."""
    failed = (Step.completed_at.is_(None), Step.status == StepStatus.FAILED)
    return select(column).where(*failed).order_by(Step.id.desc()).limit(GROUPED)


def _latest_end(model: type[Step] | type[Run]) -> tuple[ColumnElement[Any], ...]:
    # Written so, the order is that of an index on both engines.
    return model.completed_at.desc().nulls_last(), model.id.desc()


def _alike(step: Step) -> Select[tuple[int]]:
    return select(Step.id).where(
        *_failed(),
        unindexed(Step.step_name) == step.step_name,
        Step.preview == step.preview,
    )


def _steps(ids: Select[tuple[int]]) -> Select[Any]:
    """Select what the lists of failures show of the steps with these ids, the latest end first."""
    statement = select(*COLUMNS).select_from(Step).join(Run, Run.id == Step.run_id)
    return statement.where(Step.id.in_(ids)).order_by(*_latest_end(Step))


def _find_start_of(period: Period, n: int) -> datetime:
    """Return when the n-th latest failed step of a period ended, or where the period begins."""
    values = {**_times(period), "offset": n - 1}
    return fetch(_nth_failed(), values).scalar() or period.after


@cache
def _nth_failed() -> Select[tuple[datetime | None]]:
    return (
        select(Step.completed_at)
        .where(*_failed())
        .order_by(Step.completed_at.desc().nulls_last())
        .offset(bindparam("offset", type_=BigInteger))
        .limit(1)
    )
