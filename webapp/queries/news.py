"""Tell what came since a list was drawn, at a price that does not grow with the tables."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select

from ..extensions import db
from ..filters import RunFilters, StepFilters
from ..models import Run, Step
from .conditions import Column
from .counts import COUNTED, Total, count_up_to, run_conditions
from .kept import kept
from .step_plans import plan_steps
from .step_sizes import look_up


@kept
def find_last_id(column: Column) -> int:
    """Return the greatest id of a table, 0 of an empty one."""
    return db.session.scalar(select(func.max(column))) or 0


def count_new_steps(filters: StepFilters, after: int) -> Total:
    """Count the steps of a view whose ids are greater than this one."""
    last_id = find_last_id(Step.id)
    if last_id <= after:
        return Total(0)
    plan = plan_steps(filters, look_up(filters), is_count=True)
    return Total(0) if plan.is_empty else _count_since(Step.id, plan.conditions, after, last_id)


def count_new_runs(filters: RunFilters, after: int) -> Total:
    """Count the runs of a view whose ids are greater than this one."""
    last_id = find_last_id(Run.id)
    if last_id <= after:
        return Total(0)
    return _count_since(Run.id, run_conditions(filters), after, last_id)


def _count_since(
    column: Column, conditions: Sequence[ColumnElement[bool]], after: int, last_id: int
) -> Total:
    """Count among the next COUNTED ids; of more it is a lower bound."""
    end = after + COUNTED
    total = count_up_to(select(column).where(column > after, column <= end, *conditions), True)
    return Total(total.n, is_exact=last_id <= end)
