"""Decide how to look steps up: which index leads, and what is checked on the way.

A filter that few rows pass is looked up through its index, and what it finds is sorted; where all
filters are common, rows are walked in the order of the list until a page is full.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, false, select

from ..filters import StepFilters
from ..models import Step, table_of
from .conditions import Column, unindexed
from .step_conditions import (
    COUNTED_COLUMNS,
    NOTHING,
    Lookups,
    are_listed,
    conditions_of,
    is_one,
    sort_column,
)
from .step_parts import in_order
from .step_sizes import alone

# To count along: these indexes hold the other filters that are common.
_WIDE = (Step.started_at, Step.completed_at, Step.duration_ms, Step.step_name, Step.run_id)
# The sizes of these were measured under the filter of status.
_MEASURED_BY_STATUS = (Step.started_at, Step.completed_at)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to look the steps of some filters up: the conditions, and the index that leads, if any.

    `is_empty` tells that no row can pass, `is_walk` that any number of rows may be looked at.
    """

    conditions: list[ColumnElement[bool]]
    leading: Column | None
    is_empty: bool = False
    is_walk: bool = False


def plan_steps(filters: StepFilters, found: Lookups, is_count: bool = False) -> Plan:
    """Decide how to look the steps of the filters up; a count needs no order.

    `found` is of the same filters, or of some that had a status or a type more.
    """
    if is_empty(filters, found):
        # Said in the conditions too: without any, all rows would pass.
        return Plan([false()], None, is_empty=True)
    leading = find_leading(filters, found)
    is_walk = leading is None
    if is_walk and is_count:
        leading = _find_wide(filters, found)
    return Plan(conditions_of(filters, found, leading), leading, is_walk=is_walk)


def is_empty(filters: StepFilters, found: Lookups, offset: int = 0) -> bool:
    """Tell whether no row can pass, or none after so many."""
    is_unknown_run = (filters.run_id or filters.run_uuid) and not found.run_ids
    is_unknown_name = filters.step_name and not found.names
    least = min(_sizes(filters, found).values(), default=None)
    is_beyond = least is not None and least <= offset
    return bool(is_unknown_run or is_unknown_name or is_beyond)


def plan_walk(filters: StepFilters, found: Lookups, n: int) -> tuple[Subquery, Plan]:
    """Return the first n rows of the index that leads a count, and a plan that looks at these."""
    leading = _find_wide(filters, found)
    led = next((one for column, one, _ in alone(filters) if column is leading), StepFilters())
    return plan_rows(filters, found, leading, led, lambda rows: rows.limit(n))


def plan_rows(
    filters: StepFilters,
    found: Lookups,
    leading: Column | None,
    led: StepFilters,
    begin: Callable[[Select[Any]], Select[Any]],
) -> tuple[Subquery, Plan]:
    """Return the rows of an index that some filters lead, and a plan that looks at these.

    `begin` says of all rows that pass these filters which are looked at.
    """
    conditions = conditions_of(led, found if led.step_name else NOTHING, leading)
    rows = begin(select(*_used_columns(filters, found)).where(*conditions)).subquery()

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
    """Return the sizes that hold for these filters.

    `found` may be of another status or type, or of one where these have none.
    """
    is_same_status = filters.status == found.status
    holds: dict[Column, bool] = {
        Step.workspace: bool(filters.workspace),
        Step.status: is_same_status,
        Step.step_type: filters.step_type == found.step_type,
    }
    holds |= dict.fromkeys(_MEASURED_BY_STATUS, is_same_status)
    return {column: n for column, n in found.sizes.items() if holds.get(column, True)}


def must_sort(filters: StepFilters, leading: Column | None, found: Lookups) -> bool:
    """Tell whether what is found is sorted, as the index that leads has another order."""
    column = sort_column(filters)
    goes_by_id = column is Step.id and (
        any(leading is one for one in COUNTED_COLUMNS) or bool(found.run_ids)
    )
    return leading is not None and leading is not column and not goes_by_id


def order_of(
    filters: StepFilters, leading: Column | None, found: Lookups = NOTHING
) -> list[ColumnElement[Any]]:
    """Return the order of the list; the id breaks ties. A step that never began began first.

    Where another column leads, what it finds is sorted: SQLite would rather walk all rows in the
    order of the list until a page is full of those.
    """
    column = sort_column(filters)
    by: list[Any] = in_order(column)
    if must_sort(filters, leading, found):
        by = [unindexed(one) for one in dict.fromkeys((column, Step.id))]
    is_descending = filters.sort.startswith("-")
    order = [one.desc() if is_descending else one.asc() for one in by]
    if column is Step.started_at:
        order[0] = order[0].nulls_last() if is_descending else order[0].nulls_first()
    return order


def is_wide_enough(filters: StepFilters, found: Lookups) -> bool:
    """Tell whether the index that leads a count of what is common holds all filters."""
    leading = _find_wide(filters, found)
    return leading is not None and is_in_index(filters, found, leading)


def is_in_index(filters: StepFilters, found: Lookups, leading: Column) -> bool:
    """Tell whether the index that a column leads holds all that is asked of the rows."""
    is_with_status = leading is Step.completed_at or (
        leading is Step.started_at and is_one(filters.status)
    )
    used = {column.key for column in (*_used_columns(filters, found), sort_column(filters))}
    return used <= _held_with(leading.key, is_with_status)


@cache
def _held_with(leading: str, is_with_status: bool) -> frozenset[str]:
    """Return the columns of the widest index that one leads, alone or after the status."""
    first = ["status", leading] if is_with_status else [leading]
    indexes = (index.columns.keys() for index in table_of(Step).indexes)
    held = (frozenset({*keys, "id"}) for keys in indexes if keys[: len(first)] == first)
    return max(held, key=len, default=frozenset())


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


def _find_wide(filters: StepFilters, found: Lookups) -> Column | None:
    """Return a filtered column whose index holds most other filters.

    Names that are too many to list are most of the table: their index must hold all filters.
    """
    are_names_good = are_listed(found.names) or (
        bool(found.names) and is_in_index(filters.of_any_order(), found, Step.step_name)
    )
    used = (
        filters.has_starts,
        filters.has_ends,
        filters.has_durations,
        are_names_good,
        bool(filters.workflow_name or filters.target),
    )
    return next((column for column, is_used in zip(_WIDE, used, strict=True) if is_used), None)
