"""Find the same step in other runs of its workflow, and how long it usually takes."""

from collections.abc import Sequence
from functools import cache
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, bindparam, select

from ..models import Run, Step, StepStatus
from .plain import fetch_again
from .step_parts import engine_name, joined_parts, lead_of, newest_first

# The usual time is the median of so many that completed, the latest; fewer do, but not too few.
LATEST = 20
FEWEST = 3
SHOWN = 6
# Of a name that other workflows have too, no more rows than these are looked at: of a thousand, all
# over a table of ten million, the page took 13 to 17 ms.
WALKED = 500


class SameSteps(NamedTuple):
    """The latest others, newest first; the usual time in ms, None when nobody can tell."""

    steps: Sequence[Row[Any]]
    usual_ms: int | None


def find_same_steps(step: Step, workflow_name: str) -> SameSteps:
    """Return the same step in the latest other runs of this workflow; one statement."""
    values = {
        "name": step.step_name,
        "of_workflow": workflow_name,
        "of_run": step.run_id,
        "walked": WALKED,
    }
    rows = fetch_again(_same_steps(engine_name()), values).all()
    return SameSteps(rows[:SHOWN], _find_usual(rows))


@cache
def _same_steps(_engine: str) -> Select[Any]:
    # Its index gives the latest of a name first; the rows of other workflows are left out after.
    latest = (
        select(Step.id)
        .where(lead_of(Step.step_name) == bindparam("name"), *joined_parts(Step.step_name))
        .order_by(*newest_first(Step.step_name))
        .limit(bindparam("walked"))
        .correlate(None)
    )
    return (
        select(
            Step.id,
            Step.run_id,
            Run.target,
            Step.status,
            Step.started_at,
            Step.completed_at,
            Step.duration_ms,
        )
        .join(Run, Run.id == Step.run_id)
        .where(
            Step.id.in_(latest),
            Run.workflow_name == bindparam("of_workflow"),
            Step.run_id != bindparam("of_run"),
        )
        .order_by(Step.id.desc())
        .limit(LATEST * 3)
    )


def _find_usual(rows: Sequence[Row[Any]]) -> int | None:
    durations = [
        row.duration_ms for row in rows if row.status == StepStatus.COMPLETED and row.completed_at
    ][:LATEST]
    return round(median(durations)) if len(durations) >= FEWEST else None
