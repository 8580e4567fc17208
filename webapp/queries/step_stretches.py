"""Find between which places of a list the rows of a range of time lie."""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from ..filters import StepFilters
from ..models import Step
from .conditions import Column, unindexed
from .kept import kept
from .plain import fetch
from .step_conditions import NOTHING, conditions_of, sort_column
from .step_plans import order_of, plan_rows
from .step_sizes import alone

# A range of no more rows than this is looked through for where its rows lie, in its index alone: a
# second or two, once. To walk as many rows of the list to its beginning takes six times as long.
STRETCHED = 10_000_000
# Where one of so many first rows passes a range without an end, the list need not be led to it.
FIRST_ROWS = 200
# What says by these names where the rows of a page stand, in a list of ids or of starts.
PLACES: dict[str, tuple[Column, Callable[..., ColumnElement[bool]]]] = {
    "after_id": (Step.id, gt),
    "before_id": (Step.id, lt),
    "end_id": (Step.id, lt),
    "first_id": (Step.id, ge),
    "last_id": (Step.id, le),
    "first_start": (Step.started_at, ge),
    "last_start": (Step.started_at, le),
}


def conditions_of_places(
    names: Iterable[str], is_sorted: bool = False
) -> list[ColumnElement[bool]]:
    """Return the conditions of the names that stand in PLACES; each is a value of the statement.

    Where what is found is sorted, another index leads.
    """
    conditions = []
    for name in sorted(PLACES.keys() & set(names)):
        column, compare = PLACES[name]
        way = unindexed(column) if is_sorted else column
        conditions.append(compare(way, bindparam(name, type_=column.type)))
    return conditions


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
    firsts, lasts = [], []
    ranges = {Step.started_at: filters.started_range(), Step.completed_at: filters.ended_range()}
    for range_column, one, _ in alone(filters):
        after, before = ranges.get(range_column, (None, None))
        if range_column is column or (before if is_descending else after) is None:
            continue
        is_open = (after if is_descending else before) is None
        if is_open and _begins_at_once(filters, one):
            continue
        conditions = conditions_of(one, NOTHING, range_column)
        rows = select(column.label("place")).where(*conditions).limit(STRETCHED + 1).subquery()
        place = rows.c.place
        statement = select(
            func.min(place), func.max(place), func.count(), func.count(place)
        ).select_from(rows)
        first, last, n, n_placed = fetch(statement).one()
        # One that never began has no place among the starts.
        if n_placed == n <= STRETCHED and n:
            firsts.append(first)
            lasts.append(last)
    if not firsts:
        return {}
    name = "id" if column is Step.id else "start"
    return {f"first_{name}": max(firsts), f"last_{name}": min(lasts)}


def _begins_at_once(filters: StepFilters, one_range: StepFilters) -> bool:
    """Tell whether one of the first rows of the whole list passes this range."""

    def begin(rows: Select[Any]) -> Select[Any]:
        return rows.order_by(*order_of(filters, None)).limit(FIRST_ROWS)

    rows, plan = plan_rows(one_range, NOTHING, None, StepFilters(), begin)
    return fetch(select(rows.c.id).where(*plan.conditions).limit(1)).first() is not None
