"""Decide how to look steps up: which index leads, and what is checked on the way.

A filter that few rows pass is looked up through its index, and what it finds is sorted; where all
filters are common, rows are walked in the order of the list until a page is full.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Subquery, func, select

from ..filters import ENDED, STARTED, StepFilters, part_negated
from ..models import Recovered, Run, Step, StepStatus
from .conditions import Column, any_of, chosen, unindexed
from .counts import COUNTED, count_by_kept_counts, count_up_to
from .distinct import find_step_names
from .kept import kept
from .plain import fetch
from .step_conditions import range_conditions, run_conditions, statuses_of

# A value of no more rows than this is looked up through an index that lacks other filters.
RARE = 2_000
# More names than this are compared by their text, not listed in the statement.
LISTED_NAMES = 1_000
# The steps of no more runs than this are looked up run by run.
LISTED_RUNS = 1_000
# A range of no more rows than this is looked through for where its rows lie, in its index alone.
STRETCHED = 1_000_000
_RECOVERED = (Recovered.EXECUTION_LOG, Recovered.CONSOLE_LOG)
# Of these the counts are kept.
_COUNTED = (Step.workspace, Step.status, Step.step_type)
# To count along: these indexes hold the other filters that are common.
_WIDE = (Step.started_at, Step.completed_at, Step.duration_ms, Step.step_name, Step.run_id)
# The sizes of these were measured under the filter of status.
_MEASURED_BY_STATUS = (Step.started_at, Step.completed_at)


class Lookups(NamedTuple):
    """What is looked up once for all that a list needs.

    `run_ids` are the runs asked for by number and UUID, `names` the step names that contain the
    text. `sizes` tells how many rows a filter alone lets through, where that is less than its
    index is good for; those of the start and the end hold for this `status` alone.
    """

    run_ids: tuple[int, ...]
    names: list[str]
    sizes: Mapping[Column, int]
    status: tuple[str, ...]


_NOTHING = Lookups((), [], {}, ())


@dataclass(frozen=True, slots=True)
class Plan:
    """How to look the steps of some filters up: the conditions, and the index that leads, if any.

    `is_empty` tells that no row can pass, `is_walk` that any number of rows may be looked at.
    """

    conditions: list[ColumnElement[bool]]
    leading: Column | None
    is_empty: bool = False
    is_walk: bool = False


def look_up(filters: StepFilters) -> Lookups:
    """Look up what planning needs to know."""
    return _look_up(filters.of_any_order(), filters.moment)


@kept
def _look_up(filters: StepFilters, _moment: datetime | None) -> Lookups:
    # One more tells that there are too many to list.
    names = find_step_names(filters.step_name, LISTED_NAMES + 1) if filters.step_name else []
    found = Lookups(_find_run_ids(filters), names, {}, filters.status)
    if found.run_ids:
        return found
    return found._replace(sizes={**_measure(filters, found), **_measure_counted(filters)})


def plan_steps(filters: StepFilters, found: Lookups, is_count: bool = False) -> Plan:
    """Decide how to look the steps of the filters up; a count needs no order.

    `found` is of the same filters, or of some that had a status or a type more.
    """
    if is_empty(filters, found):
        return Plan([], None, is_empty=True)
    leading = find_leading(filters, found)
    is_walk = leading is None
    if is_walk and is_count:
        leading = _find_wide(filters, found)
    return Plan(conditions_of(filters, found, leading), leading, is_walk=is_walk)


def is_empty(filters: StepFilters, found: Lookups) -> bool:
    """Tell whether no row can pass."""
    is_unknown_run = (filters.run_id or filters.run_uuid) and not found.run_ids
    is_unknown_name = filters.step_name and not found.names
    return bool(is_unknown_run or is_unknown_name or 0 in _sizes(filters, found).values())


def plan_walk(filters: StepFilters, found: Lookups, n: int) -> tuple[Subquery, Plan]:
    """Return the first n rows of the index that leads a count, and a plan that looks at these."""
    leading = _find_wide(filters, found)
    alone = next((one for column, one, _ in _alone(filters) if column is leading), StepFilters())
    conditions = conditions_of(alone, found if alone.step_name else _NOTHING, leading)
    rows = select(*_used_columns(filters, found)).where(*conditions).limit(n).subquery()

    def of_rows(column: Column) -> Any:
        return rows.c[column.key]

    return rows, Plan(conditions_of(filters, found, leading, of_rows), leading)


def find_leading(filters: StepFilters, found: Lookups) -> Column | None:
    """Return the column whose index finds the fewest rows, if these are few."""
    if found.run_ids:
        return Step.run_id
    sizes = _sizes(filters, found)
    return min(sizes, key=lambda column: sizes[column], default=None)


def _sizes(filters: StepFilters, found: Lookups) -> dict[Column, int]:
    """Return the sizes that hold for these filters: they may lack a status that `found` has."""
    return {
        column: n
        for column, n in found.sizes.items()
        if (column not in _COUNTED or getattr(filters, column.key))
        and (column not in _MEASURED_BY_STATUS or filters.status == found.status)
    }


def order_of(
    filters: StepFilters, leading: Column | None, found: Lookups = _NOTHING
) -> list[ColumnElement[Any]]:
    """Return the order of the list; the id breaks ties. A step that never began began first.

    Where another column leads, what it finds is sorted: SQLite would rather walk all rows in the
    order of the list until a page is full of those.
    """
    column = sort_column(filters)
    goes_by_id = column is Step.id and (
        any(leading is one for one in _COUNTED) or bool(found.run_ids)
    )
    is_sorted = leading is not None and leading is not column and not goes_by_id
    columns = [column] if column is Step.id else [column, Step.id]
    by: list[Any] = [unindexed(one) if is_sorted else one for one in columns]
    is_descending = filters.sort.startswith("-")
    order = [one.desc() if is_descending else one.asc() for one in by]
    if column is Step.started_at:
        order[0] = order[0].nulls_last() if is_descending else order[0].nulls_first()
    return order


def find_stretch(filters: StepFilters) -> dict[str, Any]:
    """Return between which ids or starts all rows lie that a range of time lets through.

    Empty where that is not worth knowing. A list that begins at the other end, the oldest of what
    ran this week, say, would walk through all that came before.
    """
    return _find_stretch(filters.of_any_page(), filters.moment)


@kept
def _find_stretch(filters: StepFilters, _moment: datetime | None) -> dict[str, Any]:
    column, is_descending = sort_column(filters), filters.sort.startswith("-")
    if column is not Step.id and column is not Step.started_at:
        return {}
    stretch: dict[str, Any] = {}
    ranges = {Step.started_at: filters.started_range(), Step.completed_at: filters.ended_range()}
    for range_column, alone, _ in _alone(filters):
        after, before = ranges.get(range_column, (None, None))
        if range_column is column or (before if is_descending else after) is None:
            continue
        conditions = conditions_of(alone, _NOTHING, range_column)
        rows = select(column.label("place")).where(*conditions).limit(STRETCHED + 1).subquery()
        place = rows.c.place
        statement = select(
            func.min(place), func.max(place), func.count(), func.count(place)
        ).select_from(rows)
        first, last, n, n_placed = fetch(statement).one()
        # One that never began has no place among the starts.
        if n_placed == n <= STRETCHED and n:
            name = "id" if column is Step.id else "start"
            stretch |= {f"first_{name}": first, f"last_{name}": last}
    return stretch


def sort_column(filters: StepFilters) -> Column:
    """Return the column that the list is sorted by."""
    columns = {one.key: one for one in (Step.id, Step.started_at, Step.duration_ms, Step.step_name)}
    return columns[filters.sort.removeprefix("-")]


def conditions_of(
    filters: StepFilters,
    found: Lookups,
    leading: Column | None,
    way: Callable[[Column], Any] | None = None,
) -> list[ColumnElement[bool]]:
    """Return the WHERE conditions; only what leads or sorts may be looked up by its index.

    `way` says how to write a column, where the rows are not those of the table.
    """
    walked = leading if leading is not None else sort_column(filters)
    plain: tuple[Column, ...] = (walked,)
    if walked is Step.started_at and _is_one(filters.status):
        # There is an index of both.
        plain = (Step.started_at, Step.status)
    if walked is Step.completed_at:
        plain = (Step.completed_at, Step.status)
    if walked is Step.id and len(filters.workspace) == 1:
        # Its index goes by the id too, and holds the status and the type: where these are rare,
        # to walk all ids would take seconds.
        plain = (Step.id, Step.workspace)

    def of_table(column: Column) -> Any:
        return column if any(column is one for one in plain) else unindexed(column)

    way = way or of_table
    conditions = [*run_conditions(filters, found.run_ids, way)]
    for column in _COUNTED:
        if values := getattr(filters, column.key):
            is_exact = column is Step.workspace
            conditions.append((any_of if is_exact else chosen)(way(column), values))
    if len(found.names) > LISTED_NAMES:
        conditions.append(way(Step.step_name).icontains(filters.step_name, autoescape=True))
    elif found.names:
        conditions.append(any_of(way(Step.step_name), found.names))
    if filters.module_name:
        conditions.append(chosen(way(Step.module_name), filters.module_name))
    if filters.recovered == "no":
        conditions.append(way(Step.recovered) == Recovered.NO)
    elif filters.recovered:
        conditions.append(way(Step.recovered).in_(_RECOVERED))
    if leading is Step.module_name or leading is Step.recovered:
        # Said, so that the index without the empty ones can be used.
        conditions.append(leading != "")
    if walked is Step.completed_at:
        # Said, as the status stands first in the index.
        conditions.append(any_of(way(Step.status), statuses_of(filters)))
    return [*conditions, *range_conditions(filters, way)]


def _used_columns(filters: StepFilters, found: Lookups) -> list[Column]:
    """Return the columns that the conditions of these filters look at."""
    used = {
        Step.id: True,
        Step.run_id: bool(found.run_ids or filters.workflow_name or filters.target),
        Step.workspace: bool(filters.workspace),
        Step.status: bool(filters.status or filters.has_durations or filters.has_ends),
        Step.step_type: bool(filters.step_type),
        Step.step_name: bool(filters.step_name),
        Step.module_name: bool(filters.module_name),
        Step.recovered: bool(filters.recovered),
        Step.started_at: filters.has_starts,
        Step.completed_at: filters.has_ends,
        Step.duration_ms: filters.has_durations,
    }
    return [column for column, is_used in used.items() if is_used]


def _find_run_ids(filters: StepFilters) -> tuple[int, ...]:
    """Return the numbers of the runs that `run_id` and `run_uuid` both let through."""
    if not filters.run_uuid:
        return filters.run_id
    statement = select(Run.id).where(any_of(Run.run_uuid, filters.run_uuid))
    found = tuple(fetch(statement).scalars())
    return tuple(set(found) & set(filters.run_id)) if filters.run_id else found


def _measure(filters: StepFilters, found: Lookups) -> dict[Column, int]:
    """Count what the filters without kept counts let through, each alone, if that is little."""
    sizes = {}
    for column, alone, most in _alone(filters):
        conditions = conditions_of(alone, found if alone.step_name else _NOTHING, column)
        total = count_up_to(select(Step.id).where(*conditions), exact=False)
        if total.is_exact and total.n <= most:
            sizes[column] = total.n
    return sizes | _measure_runs(filters)


def _alone(filters: StepFilters) -> Iterable[tuple[Column, StepFilters, int]]:
    """Yield each filter that an index could lead, alone, and how many rows it is good for."""

    def only(*names: str) -> StepFilters:
        return StepFilters(**{name: getattr(filters, name) for name in names})

    if filters.step_name:
        yield Step.step_name, only("step_name"), COUNTED
    if part_negated(filters.module_name)[0]:
        yield Step.module_name, only("module_name"), RARE
    if filters.recovered == "yes":
        yield Step.recovered, only("recovered"), RARE
    if filters.has_starts:
        # There is an index of one status and the start.
        status = ("status",) if _is_one(filters.status) else ()
        yield Step.started_at, only(*STARTED, "asked_at", *status), COUNTED
    if filters.has_ends:
        yield Step.completed_at, only(*ENDED, "asked_at", "status"), COUNTED
    if filters.has_durations:
        yield Step.duration_ms, only("min_duration_ms", "max_duration_ms"), COUNTED


def _is_one(values: tuple[str, ...]) -> bool:
    """Tell whether one value is asked for, and no other is excluded."""
    return len(values) == 1 and not part_negated(values)[1]


def _measure_runs(filters: StepFilters) -> dict[Column, int]:
    """Add up the kept counts of the runs of some workflows and targets, if these are few."""
    parts = {
        column: part_negated(getattr(filters, column.key))[0]
        for column in (Run.workflow_name, Run.target)
    }
    wanted = [any_of(column, plain) for column, plain in parts.items() if plain]
    if not wanted:
        return {}
    n = sum((getattr(Run, f"steps_{status}") for status in StepStatus), start=0 * Run.id)
    runs = select(n.label("n")).where(*wanted).limit(LISTED_RUNS + 1).subquery()
    statement = select(func.count(), func.coalesce(func.sum(runs.c.n), 0))
    n_runs, n_steps = fetch(statement.select_from(runs)).one()
    return {Step.run_id: int(n_steps)} if n_runs <= LISTED_RUNS and n_steps <= COUNTED else {}


def _measure_counted(filters: StepFilters) -> dict[Column, int]:
    """Return how many rows the one value of a counted column has, where these are few."""
    sizes: dict[Column, int] = {}
    for column in _COUNTED:
        values = getattr(filters, column.key)
        if len(values) == 1 and (column is Step.workspace or _is_one(values)):
            alone = replace(StepFilters(), **{column.key: values})
            n = count_by_kept_counts(alone)
            if n <= RARE:
                sizes[column] = n
    if not sizes and filters.is_documented and len(filters.workspace) == 1:
        # The index of workspaces holds the status and the type: what is rare is found in it alone.
        n = count_by_kept_counts(filters)
        if n <= RARE:
            sizes[Step.workspace] = n
    return sizes


def _find_wide(filters: StepFilters, found: Lookups) -> Column | None:
    """Return a filtered column whose index holds most other filters."""
    used = (
        filters.has_starts,
        filters.has_ends,
        filters.has_durations,
        0 < len(found.names) <= LISTED_NAMES,
        bool(filters.workflow_name or filters.target),
    )
    return next((column for column, is_used in zip(_WIDE, used, strict=True) if is_used), None)
