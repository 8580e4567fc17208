"""Count the steps of a wide range by the few that are outside of it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select

from ..filters import DURATIONS, ENDED, STARTED, StepFilters
from ..models import Step
from .conditions import Column
from .counts import count_by_kept_counts, select_kept_count
from .plain import fetch
from .step_conditions import HAVE_DURATIONS, NOTHING, conditions_of, statuses_of
from .step_parts import lead_of
from .step_plans import plan_rows
from .step_sizes import count_alone, count_to, held_by

# Few are no more than one in so many of all rows that the range is looked for in: to tell that
# neither those inside nor those outside are, costs little beside counting them.
FEW = 16


def count_by_outside(filters: StepFilters) -> int | None:
    """Count all steps but those outside of a range; None where this does not pay.

    It does where few are outside, and where beside the range only status and type are asked for,
    which have kept counts and stand in the range's index.
    """
    for column, names in (
        (Step.started_at, STARTED),
        (Step.completed_at, ENDED),
        (Step.duration_ms, DURATIONS),
    ):
        whole = filters.without_all(names)
        if whole != filters and whole.has_only("status", "step_type"):
            return _count_all_but(tuple(_outside(filters, column)), filters, whole, column)
    return None


def _count_all_but(
    outside: tuple[ColumnElement[bool], ...],
    filters: StepFilters,
    whole: StepFilters,
    column: Column,
) -> int | None:
    """Count what `whole` lets through, without what is outside; None where that is not few."""
    statuses = statuses_of(whole)
    if column is Step.duration_ms:
        statuses = [status for status in statuses if status in HAVE_DURATIONS]
    if not statuses:
        return None
    if column is not Step.started_at:
        # Said, as the index of ends begins with it, and as few have a duration.
        whole = replace(whole, status=tuple(statuses))
    # The index of one status and the start lacks the type.
    lacks_type = column is Step.started_at and whole.step_type
    walked = StepFilters() if lacks_type else held_by(whole, column)
    few = count_by_kept_counts(StepFilters(status=walked.status)) // FEW
    if count_alone(held_by(filters, column), NOTHING, column, few) <= few:
        return None
    of_index = conditions_of(walked, NOTHING, column)
    if any(count_to([*of_index, is_outside], few) > few for is_outside in outside):
        return None
    left: Any = select_kept_count(whole).scalar_subquery()
    for is_outside in outside:
        begin = partial(_first, few + 1, is_outside)
        rows, plan = plan_rows(whole, NOTHING, column, walked, begin)
        n = func.count().filter(and_(*plan.conditions)) if plan.conditions else func.count()
        # An import may have written meanwhile: NULL where there are more, and so is what is left.
        left -= select(case((func.count() <= few, n))).select_from(rows).scalar_subquery()
    # In one statement, as PostgreSQL shows each what is there by then.
    found = fetch(select(left)).scalar_one()
    return None if found is None else int(found)


def _first(n: int, condition: ColumnElement[bool], rows: Select[Any]) -> Select[Any]:
    return rows.where(condition).limit(n)


def _outside(filters: StepFilters, column: Column) -> Iterator[ColumnElement[bool]]:
    """Yield what holds outside of a range that is not empty, for each step one of them."""
    if column is Step.duration_ms:
        if filters.min_duration_ms is not None:
            yield lead_of(column) < filters.min_duration_ms
        if filters.max_duration_ms is not None:
            yield lead_of(column) > filters.max_duration_ms
        return
    is_start = column is Step.started_at
    after, before = filters.started_range() if is_start else filters.ended_range()
    yield column.is_(None)
    if after is not None:
        yield column < after
    if before is not None:
        yield column >= before
