"""Turn the filters of steps that ask for runs and ranges into WHERE conditions.

Each takes a `way` to write a column, which decides whether an index may be used for it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, select

from ..filters import StepFilters, chosen_of, part_negated
from ..models import Run, Step, StepStatus
from .conditions import Column, any_of

Way = Callable[[Column], Any]
# Only what has ended has a duration.
HAVE_DURATIONS = (StepStatus.COMPLETED, StepStatus.FAILED)


def run_conditions(
    filters: StepFilters, run_ids: tuple[int, ...], way: Way
) -> Iterable[ColumnElement[bool]]:
    """Yield the conditions that ask for runs, by these numbers and by workflow and target."""
    if run_ids:
        yield any_of(way(Step.run_id), run_ids)
    parts = [
        (column, part_negated(getattr(filters, column.key)))
        for column in (Run.workflow_name, Run.target)
    ]
    wanted = [any_of(column, plain) for column, (plain, _) in parts if plain]
    if wanted:
        yield way(Step.run_id).in_(select(Run.id).where(*wanted))
    for column, (_, negated) in parts:
        if negated:
            yield way(Step.run_id).not_in(select(Run.id).where(any_of(column, negated)))


def range_conditions(filters: StepFilters, way: Way) -> Iterable[ColumnElement[bool]]:
    """Yield the conditions that ask for ranges of time and of duration."""
    for column, (after, before) in (
        (Step.started_at, filters.started_range()),
        (Step.completed_at, filters.ended_range()),
    ):
        if after is not None:
            yield way(column) >= after
        if before is not None:
            yield way(column) < before
    if filters.min_duration_ms is not None:
        yield way(Step.duration_ms) >= filters.min_duration_ms
    if filters.max_duration_ms is not None:
        yield way(Step.duration_ms) <= filters.max_duration_ms
    if filters.has_durations:
        yield way(Step.status).in_(HAVE_DURATIONS)


def statuses_of(filters: StepFilters) -> list[str]:
    """Return the statuses that the filter of status lets through."""
    return chosen_of(StepStatus, filters.status)
