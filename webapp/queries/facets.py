"""Count what each value of a filter would show, beside what it shows now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import product
from typing import Any, Self

from sqlalchemy import CompoundSelect, func, literal, select, union_all

from ..filters import RunFilters, StepFilters, chosen_of
from ..models import Run, RunStatus, Step, StepStatus, StepType
from .counts import (
    COUNTED,
    Total,
    count_by_kept_counts,
    count_by_status_and_type,
    run_conditions,
)
from .kept import kept
from .plain import fetch
from .step_conditions import Lookups
from .step_plans import plan_steps
from .step_sizes import look_up
from .step_totals import count_steps

Cells = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class StepFacets:
    """How many steps a list has, and how many at each status and of each type it could have.

    `by_status` leaves the status filter aside, `by_type` that of the type. Both are None where
    counting would be dear; `all_statuses` then too.
    """

    total: Total
    overall: Total
    all_statuses: Total | None
    by_status: dict[str, Total] | None
    by_type: dict[str, Total] | None

    @classmethod
    def of(cls, filters: StepFilters) -> Self:
        """Count for these filters."""
        found = look_up(filters)
        overall = Total(count_by_kept_counts(StepFilters()))
        by_status = _count_statuses(filters, found) if filters.only_times else None
        if by_status and _add(by_status.values()).n >= COUNTED:
            return cls._of_many(filters, overall, by_status)
        every = replace(filters, status=(), step_type=())
        # What was measured of a range of time holds for its status alone; a long one stays long.
        is_short = Step.started_at in found.sizes or Step.completed_at in found.sizes
        is_measured_anew = filters.status and is_short
        cells = _count_cells(every, look_up(every) if is_measured_anew else found)
        if cells is None:
            return cls(count_steps(filters, found=found), overall, None, None, None)
        statuses, types = filters.status, filters.step_type
        return cls(
            total=Total(_sum(cells, statuses, types)),
            overall=overall,
            all_statuses=Total(_sum(cells, (), types)),
            by_status={s: Total(_sum(cells, (s,), types)) for s in StepStatus},
            by_type={t: Total(_sum(cells, statuses, (t,))) for t in StepType},
        )

    @classmethod
    def _of_many(cls, filters: StepFilters, overall: Total, by_status: dict[str, Total]) -> Self:
        """Tell of a range of time with many steps; their types are not counted."""
        shown = [by_status[status] for status in chosen_of(by_status, filters.status)]
        return cls(_add(shown), overall, _add(by_status.values()), by_status, None)


def find_step_facets(filters: StepFilters) -> StepFacets:
    """Count for these filters, once until the history changes."""
    return _find_step_facets(filters.of_any_order(), filters.moment)


@kept
def _find_step_facets(filters: StepFilters, _moment: datetime | None) -> StepFacets:
    return StepFacets.of(filters)


@dataclass(frozen=True, slots=True)
class RunFacets:
    """How many runs a list has, and how many at each status it could have."""

    total: Total
    overall: Total
    all_statuses: Total
    by_status: dict[str, Total]

    @classmethod
    def of(cls, filters: RunFilters) -> Self:
        """Count for these filters, each status no further than a page needs to know."""
        by_status = _count_runs_by_status(replace(filters, status=()))
        everywhere = _count_runs(_all_runs_by_status()) if filters.active() else by_status
        shown = [by_status[status] for status in chosen_of(by_status, filters.status)]
        return cls(
            total=_add(shown),
            overall=_add(everywhere.values()),
            all_statuses=_add(by_status.values()),
            by_status=by_status,
        )


def find_run_facets(filters: RunFilters) -> RunFacets:
    """Count for these filters, once until the history changes."""
    return _find_run_facets(filters.of_any_order(), filters.moment)


@kept
def _find_run_facets(filters: RunFilters, _moment: datetime | None) -> RunFacets:
    return RunFacets.of(filters)


def _count_cells(filters: StepFilters, found: Lookups) -> Cells | None:
    """Count by (status, type): from the kept counts, or from the rows, if these are few."""
    if filters.is_documented:
        return count_by_status_and_type(filters)
    return _count_cells_of_rows(filters, found)


def _count_cells_of_rows(filters: StepFilters, found: Lookups) -> Cells | None:
    """Count rows that an index finds; None when there are more than COUNTED."""
    plan = plan_steps(filters, found)
    if plan.is_empty:
        return {}
    if plan.leading is None:
        return None
    inner = select(Step.status, Step.step_type).where(*plan.conditions).limit(COUNTED + 1)
    rows = inner.subquery()
    statement = select(rows.c.status, rows.c.step_type, func.count()).group_by(
        rows.c.status, rows.c.step_type
    )
    cells = {(status, kind): n for status, kind, n in fetch(statement).all()}
    return cells if sum(cells.values()) <= COUNTED else None


def _count_statuses(filters: StepFilters, found: Lookups) -> dict[str, Total]:
    """Count the steps of a range of time at each status; there is an index of both."""
    parts = []
    for status in StepStatus:
        plan = plan_steps(replace(filters, status=(status,)), found, is_count=True)
        inner = select(Step.id).where(*plan.conditions).limit(COUNTED + 1).subquery()
        n = select(func.count()).select_from(inner).scalar_subquery()
        parts.append(select(literal(status.value), n))
    found_counts = fetch(union_all(*parts)).all()
    return {status: Total(min(n, COUNTED), n <= COUNTED) for status, n in found_counts}


def _count_runs_by_status(filters: RunFilters) -> dict[str, Total]:
    """Count the runs of filters that have no status, at each status."""
    is_every = not filters.active()
    return _count_runs(_all_runs_by_status() if is_every else _runs_by_status(filters))


def _count_runs(statement: CompoundSelect[Any]) -> dict[str, Total]:
    found = fetch(statement).all()
    return {status: Total(min(n, COUNTED), n <= COUNTED) for status, n in found}


# To build it takes longer than to run it.
@cache
def _all_runs_by_status() -> CompoundSelect[Any]:
    return _runs_by_status(RunFilters())


def _runs_by_status(filters: RunFilters) -> CompoundSelect[Any]:
    conditions, parts = run_conditions(filters), []
    for status in RunStatus:
        inner = select(Run.id).where(Run.status == status, *conditions).limit(COUNTED + 1)
        n = select(func.count()).select_from(inner.subquery()).scalar_subquery()
        parts.append(select(literal(status.value), n))
    return union_all(*parts)


def _add(totals: Iterable[Total]) -> Total:
    parts = list(totals)
    if all(part.is_exact for part in parts):
        return Total(sum(part.n for part in parts))
    return Total(COUNTED, is_exact=False)


def _sum(cells: Cells, statuses: tuple[str, ...], types: tuple[str, ...]) -> int:
    wanted_statuses = chosen_of({status for status, _ in cells}, statuses)
    wanted_types = chosen_of({kind for _, kind in cells}, types)
    return sum(cells.get(key, 0) for key in product(wanted_statuses, wanted_types))
