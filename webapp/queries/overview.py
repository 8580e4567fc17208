"""Find what is at work now, and which steps took longest."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Integer, Row, Select, bindparam, case, select
from sqlalchemy.orm import aliased

from ..columns import UtcDateTime, utc_now
from ..models import Run, RunStatus, Step, StepStatus
from ..periods import DAY, Period
from .conditions import unindexed
from .kept import kept
from .latest import find_latest_of_each
from .plain import fetch
from .step_parts import engine_name, joined_parts, lead_of, newest_first

# Of the longest steps on record so many are looked at for those of a period; and where these are
# too few, of the period's own the latest.
LONGEST_SEEN = 500
LATEST_SEEN = 1_000
# Of a slow step so many of the same name that ended well tell how long it usually takes.
LATEST = 20


class SlowStep(NamedTuple):
    """A step that took long, and how long steps of its name usually take; None: none ended well."""

    step: Row[Any]
    usual_ms: int | None


def find_running_runs(limit: int) -> Sequence[Row[Any]]:
    """Return the runs that say they are running, newest first; the silent ones stand last."""
    values = {"silent_since": utc_now() - DAY, "limit": limit}
    return fetch(_running_runs(), values).all()


# To build such statements takes longer than to run them.
@cache
def _running_runs() -> Select[Any]:
    is_silent = Run.updated_at <= bindparam("silent_since", type_=UtcDateTime)
    return (
        select(
            Run.id,
            Run.status,
            Run.workflow_name,
            Run.target,
            Run.total_steps,
            Run.started_at,
            Run.completed_at,
            Run.updated_at,
        )
        .where(Run.status == RunStatus.RUNNING)
        .order_by(case((is_silent, 1), else_=0), Run.id.desc())
        .limit(bindparam("limit", type_=Integer))
    )


def find_steps_at_work(run_ids: Sequence[int]) -> dict[int, Row[Any]]:
    """Return the step that each run is at: one that is running, or else the last one known."""
    if not run_ids:
        return {}
    one = aliased(Step)
    last = select(one.id).where(one.run_id == Run.id).order_by(one.position.desc()).limit(1)
    running = last.where(unindexed(one.status) == StepStatus.RUNNING)
    # Without a running step, looking for one would read all steps of the run.
    wanted = select(
        case(
            (Run.steps_running > 0, running.scalar_subquery()),
            else_=last.scalar_subquery(),
        )
    ).where(Run.id.in_(run_ids))
    statement = select(
        Step.id, Step.run_id, Step.step_name, Step.status, Step.position, Step.started_at
    ).where(Step.id.in_(wanted))
    return {step.run_id: step for step in fetch(statement).all()}


@kept
def find_slow_steps(period: Period, limit: int) -> list[SlowStep]:
    """Return the longest steps of a period, each name of a workflow once.

    They are looked for among the LONGEST_SEEN longest on record; where these are not enough, the
    rest are the longest of the LATEST_SEEN latest of the period.
    """
    # Some share a name, and enough others shall be left.
    values = {"after": period.after, "before": period.before, "limit": limit * 10}
    found: dict[tuple[str, str], Row[Any]] = {}
    # What the second finds is no longer than what the first did.
    for statement in (_longest_on_record(engine_name()), _longest_of_latest()):
        for step in fetch(statement, values).all():
            found.setdefault((step.workflow_name, step.step_name), step)
        if len(found) >= limit:
            break
    steps = list(found.values())[:limit]
    usual = find_usual_step_durations(step.step_name for step in steps)
    return [SlowStep(step, usual.get(step.step_name)) for step in steps]


def find_usual_step_durations(step_names: Iterable[str]) -> dict[str, int]:
    """Return the median duration of the latest steps of each name that ended well."""
    durations: dict[str, list[int]] = defaultdict(list)
    for name, ms in find_latest_of_each(_latest, sorted(set(step_names))):
        durations[name].append(ms)
    return {name: round(median(found)) for name, found in durations.items()}


@cache
def _longest_on_record(_engine: str) -> Select[Any]:
    longest = (
        select(Step.id, Step.duration_ms, Step.started_at)
        .where(lead_of(Step.duration_ms) > 0, *joined_parts(Step.duration_ms))
        .order_by(*newest_first(Step.duration_ms))
        .limit(LONGEST_SEEN)
        .subquery()
    )
    return _slow_steps(
        select(longest.c.id)
        .where(
            longest.c.started_at >= bindparam("after", type_=UtcDateTime),
            longest.c.started_at < bindparam("before", type_=UtcDateTime),
        )
        .order_by(longest.c.duration_ms.desc(), longest.c.id.desc())
    )


@cache
def _longest_of_latest() -> Select[Any]:
    latest = (
        select(Step.id, Step.duration_ms)
        .where(
            Step.started_at >= bindparam("after", type_=UtcDateTime),
            Step.started_at < bindparam("before", type_=UtcDateTime),
        )
        .order_by(Step.started_at.desc(), Step.id.desc())
        .limit(LATEST_SEEN)
        .subquery()
    )
    return _slow_steps(
        select(latest.c.id)
        .where(latest.c.duration_ms > 0)
        .order_by(latest.c.duration_ms.desc(), latest.c.id.desc())
    )


def _slow_steps(ids: Select[tuple[int]]) -> Select[Any]:
    return (
        select(
            Step.id,
            Step.run_id,
            Step.step_name,
            Step.status,
            Step.duration_ms,
            Step.started_at,
            Run.workflow_name,
            Run.target,
        )
        .select_from(Step)
        .join(Run, Run.id == Step.run_id)
        .where(Step.id.in_(ids.limit(bindparam("limit", type_=Integer))))
        .order_by(Step.duration_ms.desc(), Step.id.desc())
    )


def _latest(step_name: BindParameter[str]) -> Select[tuple[int]]:
    return (
        select(Step.duration_ms)
        .where(lead_of(Step.step_name) == step_name, *joined_parts(Step.step_name))
        .where(unindexed(Step.status) == StepStatus.COMPLETED)
        .order_by(*newest_first(Step.step_name))
        .limit(LATEST)
    )
