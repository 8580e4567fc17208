"""Count the steps of a wide range by the few that are outside of it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select, true

from ..filters import DURATIONS, ENDED, STARTED, StepFilters
from ..models import Step
from .conditions import Column
from .counts import count_by_kept_counts, select_kept_count
from .plain import fetch
from .step_conditions import HAVE_DURATIONS, NOTHING, statuses_of
from .step_plans import plan_rows
from .step_sizes import held_by

# Few are no more than one in so many of what the range is looked for in.
FEW = 4


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
            return _count_but(tuple(_outside(filters, column)), whole, column)
    return None


def _count_but(
    outside: tuple[ColumnElement[bool], ...], whole: StepFilters, column: Column
) -> int | None:
    """Count what passes but for what is outside; None where that is not few, or not known."""
    statuses = statuses_of(whole)
    if column is Step.duration_ms:
        statuses = [status for status in statuses if status in HAVE_DURATIONS]
    if not (outside and statuses):
        return None
    if column is not Step.started_at:
        # Said, as the index of ends begins with it, and as few have a duration.
        whole = replace(whole, status=tuple(statuses))
    # The index of one status and the start lacks the type.
    lacks_type = column is Step.started_at and whole.step_type
    led = StepFilters() if lacks_type else held_by(whole, column)
    few = count_by_kept_counts(StepFilters(status=led.status)) // FEW
    left: Any = select_kept_count(whole).scalar_subquery()
    for is_outside in outside:
        rows, plan = plan_rows(whole, NOTHING, column, led, partial(_first, few + 1, is_outside))
        passing = func.count().filter(true(), *plan.conditions)
        # NULL where there are more, and so is what is left then.
        left -= select(case((func.count() <= few, passing))).select_from(rows).scalar_subquery()
    # In one statement, as PostgreSQL shows each what is there by then.
    n = fetch(select(left)).scalar_one()
    return None if n is None else int(n)


def _first(n: int, condition: ColumnElement[bool], rows: Select[Any]) -> Select[Any]:
    return rows.where(condition).limit(n)


def _outside(filters: StepFilters, column: Column) -> Iterator[ColumnElement[bool]]:
    """Yield what holds outside of a range, for each step one of them; nothing if it is empty."""
    if column is Step.duration_ms:
        least, most = filters.min_duration_ms, filters.max_duration_ms
        if least is not None and most is not None and least > most:
            return
        if least is not None:
            yield column < least
        if most is not None:
            yield column > most
        return
    is_start = column is Step.started_at
    after, before = filters.started_range() if is_start else filters.ended_range()
    if after is not None and before is not None and after >= before:
        return
    yield column.is_(None)
    if after is not None:
        yield column < after
    if before is not None:
        yield column >= before
