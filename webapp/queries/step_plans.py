"""Decide how to look steps up: which index leads, and what is checked on the way.

A filter that few rows pass is looked up through its index, and what it finds is sorted; where all
filters are common, rows are walked in the order of the list until a page is full.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, select

from ..columns import utc_now
from ..extensions import db
from ..filters import StepFilters, part_negated
from ..models import Recovered, Run, Step, StepStatus
from .conditions import Column, any_of, chosen, unindexed
from .counts import COUNTED, count_by_kept_counts, count_up_to
from .distinct import find_step_names

# A value of no more rows than this is looked up through an index that lacks other filters.
RARE = 2_000
# More names than this are compared by their text, not listed in the statement.
LISTED_NAMES = 1_000
# The steps of no more runs than this are looked up run by run.
LISTED_RUNS = 1_000
_RECOVERED = (Recovered.EXECUTION_LOG, Recovered.CONSOLE_LOG)
# Only what has ended has a duration.
_ENDED = (StepStatus.COMPLETED, StepStatus.FAILED)
# To count along: these indexes hold the other filters that are common.
_WIDE = (Step.started_at, Step.duration_ms, Step.step_name, Step.run_id)


class Lookups(NamedTuple):
    """What is looked up once for all that a list needs.

    `run_ids` are the runs asked for by number and UUID, `names` the step names that contain the
    text, `began` and `until` the range of time, `sizes` how many rows a filter alone lets through,
    where that is less than its index is good for.
    """

    run_ids: tuple[int, ...]
    names: list[str]
    began: datetime | None
    until: datetime | None
    sizes: Mapping[Column, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to look the steps of some filters up: the conditions, and the index that leads, if any.

    `is_empty` tells that no row can pass.
    """

    conditions: list[ColumnElement[bool]]
    leading: Column | None
    is_empty: bool = False


def look_up(filters: StepFilters) -> Lookups:
    """Look up what planning needs to know."""
    began, until = filters.started_range(utc_now())
    names = find_step_names(filters.step_name) if filters.step_name else []
    run_ids = _find_run_ids(filters)
    found = Lookups(run_ids, names, began, until, {})
    return found if run_ids else found._replace(sizes=_measure(filters, found))


def plan_steps(filters: StepFilters, found: Lookups, is_count: bool = False) -> Plan:
    """Decide how to look the steps of the filters up; a count needs no order."""
    is_unknown_run = (filters.run_id or filters.run_uuid) and not found.run_ids
    if is_unknown_run or (filters.step_name and not found.names):
        return Plan([], None, is_empty=True)
    sizes = {**found.sizes, **_measure_counted(filters)}
    leading: Column | None = Step.run_id if found.run_ids else None
    if leading is None and sizes:
        leading = min(sizes, key=lambda column: sizes[column])
    if leading is None and is_count:
        leading = _find_wide(filters, found)
    return Plan(_conditions(filters, found, leading), leading)


def sort_column(filters: StepFilters) -> Column:
    """Return the column that the list is sorted by."""
    columns = {one.key: one for one in (Step.id, Step.started_at, Step.duration_ms, Step.step_name)}
    return columns[filters.sort.removeprefix("-")]


def _conditions(
    filters: StepFilters, found: Lookups, leading: Column | None
) -> list[ColumnElement[bool]]:
    """Return the WHERE conditions; only what leads or sorts may be looked up by its index."""
    walked = leading if leading is not None else sort_column(filters)

    def way(column: Column) -> Any:
        return column if column is walked else unindexed(column)

    conditions = [*_run_conditions(filters, found, way(Step.run_id))]
    for column in (Step.workspace, Step.status, Step.step_type):
        if column is Step.status and walked is Step.started_at and _is_one(filters.status):
            # There is an index of both.
            conditions.append(any_of(column, filters.status))
        elif values := getattr(filters, column.key):
            is_exact = column is Step.workspace
            conditions.append((any_of if is_exact else chosen)(way(column), values))
    if len(found.names) > LISTED_NAMES:
        conditions.append(way(Step.step_name).icontains(filters.step_name, autoescape=True))
    elif found.names:
        conditions.append(any_of(way(Step.step_name), found.names))
    if filters.module_name:
        conditions += _module_conditions(filters, way(Step.module_name))
    if filters.recovered:
        conditions.append(_recovered(filters, way(Step.recovered)))
    return [*conditions, *_range_conditions(filters, found, way)]


def _run_conditions(
    filters: StepFilters, found: Lookups, run_id: Any
) -> Iterable[ColumnElement[bool]]:
    if found.run_ids:
        yield any_of(run_id, found.run_ids)
    parts = [
        (column, part_negated(getattr(filters, column.key)))
        for column in (Run.workflow_name, Run.target)
    ]
    wanted = [any_of(column, plain) for column, (plain, _) in parts if plain]
    if wanted:
        yield run_id.in_(select(Run.id).where(*wanted))
    for column, (_, negated) in parts:
        if negated:
            yield run_id.not_in(select(Run.id).where(any_of(column, negated)))


def _module_conditions(filters: StepFilters, module_name: Any) -> list[ColumnElement[bool]]:
    conditions = [chosen(module_name, filters.module_name)]
    # Said, so that the index without the empty ones can be used.
    return (
        [*conditions, Step.module_name != ""]
        if part_negated(filters.module_name)[0]
        else conditions
    )


def _recovered(filters: StepFilters, recovered: Any) -> ColumnElement[bool]:
    if filters.recovered == "no":
        no: ColumnElement[bool] = recovered == Recovered.NO
        return no
    return and_(recovered.in_(_RECOVERED), Step.recovered != "")


def _range_conditions(
    filters: StepFilters, found: Lookups, way: Any
) -> Iterable[ColumnElement[bool]]:
    if found.began is not None:
        yield way(Step.started_at) >= found.began
    if found.until is not None:
        yield way(Step.started_at) < found.until
    if filters.min_duration_ms is not None:
        yield way(Step.duration_ms) >= filters.min_duration_ms
    if filters.max_duration_ms is not None:
        yield way(Step.duration_ms) <= filters.max_duration_ms
    if filters.has_durations:
        yield way(Step.status).in_(_ENDED)


def _find_run_ids(filters: StepFilters) -> tuple[int, ...]:
    """Return the numbers of the runs that `run_id` and `run_uuid` both let through."""
    if not filters.run_uuid:
        return filters.run_id
    statement = select(Run.id).where(any_of(Run.run_uuid, filters.run_uuid))
    found = tuple(db.session.execute(statement).scalars())
    return tuple(set(found) & set(filters.run_id)) if filters.run_id else found


def _measure(filters: StepFilters, found: Lookups) -> dict[Column, int]:
    """Count what the filters without kept counts let through, each alone, if that is little."""
    sizes = {}
    for column, alone, most in _alone(filters):
        conditions = _conditions(alone, _only(found, column), column)
        total = count_up_to(select(Step.id).where(*conditions), exact=False)
        if total.is_exact and total.n <= most:
            sizes[column] = total.n
    if filters.workflow_name or filters.target:
        sizes |= _measure_runs(filters)
    return sizes


def _alone(filters: StepFilters) -> Iterable[tuple[Column, StepFilters, int]]:
    """Yield each filter that an index could lead, alone, and how many rows it is good for."""
    none = StepFilters()
    if filters.step_name:
        yield Step.step_name, replace(none, step_name=filters.step_name), COUNTED
    if part_negated(filters.module_name)[0]:
        yield Step.module_name, replace(none, module_name=filters.module_name), RARE
    if filters.recovered == "yes":
        yield Step.recovered, replace(none, recovered="yes"), RARE
    if filters.has_times:
        status = filters.status if _is_one(filters.status) else ()
        yield Step.started_at, replace(none, status=status, started="1h"), COUNTED
    if filters.has_durations:
        least, most = filters.min_duration_ms, filters.max_duration_ms
        yield Step.duration_ms, replace(none, min_duration_ms=least, max_duration_ms=most), COUNTED


def _is_one(values: tuple[str, ...]) -> bool:
    """Tell whether one value is asked for, and no other is excluded."""
    return len(values) == 1 and not part_negated(values)[1]


def _only(found: Lookups, column: Column) -> Lookups:
    """Return of what was looked up that which the filter of one column needs."""
    none = Lookups((), [], None, None, {})
    if column is Step.step_name:
        return none._replace(names=found.names)
    return (
        none._replace(began=found.began, until=found.until) if column is Step.started_at else none
    )


def _measure_runs(filters: StepFilters) -> dict[Column, int]:
    """Add up the kept counts of the runs of some workflows and targets, if these are few."""
    wanted = [
        any_of(column, plain)
        for column in (Run.workflow_name, Run.target)
        if (plain := part_negated(getattr(filters, column.key))[0])
    ]
    if not wanted:
        return {}
    n = sum((getattr(Run, f"steps_{status}") for status in StepStatus), start=0 * Run.id)
    runs = select(n.label("n")).where(*wanted).limit(LISTED_RUNS + 1).subquery()
    statement = select(func.count(), func.coalesce(func.sum(runs.c.n), 0))
    n_runs, n_steps = db.session.execute(statement.select_from(runs)).one()
    return {Step.run_id: int(n_steps)} if n_runs <= LISTED_RUNS and n_steps <= COUNTED else {}


def _measure_counted(filters: StepFilters) -> dict[Column, int]:
    """Return how many rows the one value of a counted column has, where these are few."""
    sizes: dict[Column, int] = {}
    for column in (Step.workspace, Step.status, Step.step_type):
        values = getattr(filters, column.key)
        if len(values) == 1 and (column is Step.workspace or _is_one(values)):
            alone = replace(StepFilters(), **{column.key: values})
            n = count_by_kept_counts(alone)
            if n <= RARE:
                sizes[column] = n
    return sizes


def _find_wide(filters: StepFilters, found: Lookups) -> Column | None:
    """Return a filtered column whose index holds most other filters."""
    used = (
        filters.has_times,
        filters.has_durations,
        0 < len(found.names) <= LISTED_NAMES,
        bool(filters.workflow_name or filters.target),
    )
    return next((column for column, is_used in zip(_WIDE, used, strict=True) if is_used), None)
