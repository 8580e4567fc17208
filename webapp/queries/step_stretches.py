"""Find between which places of a list the rows of a range of time lie."""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select

from ..filters import StepFilters
from ..models import Step
from .conditions import Column, unindexed
from .kept import kept
from .plain import fetch
from .step_conditions import NOTHING, conditions_of, sort_column
from .step_plans import order_of, plan_rows
from .step_sizes import alone

# Where one of so many first rows of the list passes a range, the list need not be led to it. Else a
# range of up to so many rows is looked through for where these lie, in its index alone. A row of
# the list, walked in vain, costs some six of them: where it begins late, millions are worth it.
TRIES = ((200, 1_000_000), (50_000, 10_000_000))
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
        if (stretch := _look_through(filters, one, range_column, is_open)) is None:
            continue
        first, last, n, n_placed = stretch
        # One that never began has no place among the starts.
        if n_placed == n and n:
            firsts.append(first)
            lasts.append(last)
    if not firsts:
        return {}
    name = "id" if column is Step.id else "start"
    return {f"first_{name}": max(firsts), f"last_{name}": min(lasts)}


def _look_through(
    filters: StepFilters, one_range: StepFilters, range_column: Column, is_open: bool
) -> Row[tuple[Any, Any, int, int]] | None:
    """Return the first and last place of a range, how many rows it has, and how many have a place.

    None where that is not worth to be looked for. Small ranges with an end always are: what few of
    them pass would be looked for beyond it.
    """
    place = sort_column(filters).label("place")
    conditions = conditions_of(one_range, NOTHING, range_column)
    for n_first, most in TRIES:
        is_small = most == TRIES[0][1]
        if (is_open or not is_small) and _begins_within(n_first, filters, one_range):
            return None
        rows = select(place).where(*conditions).limit(most + 1).subquery()
        places = rows.c.place
        counts = (func.count(), func.count(places))
        found = fetch(select(func.min(places), func.max(places), *counts).select_from(rows)).one()
        if found[2] <= most:
            return found
    return None


def _begins_within(n: int, filters: StepFilters, one_range: StepFilters) -> bool:
    """Tell whether one of the first n rows of the whole list passes this range."""

    def begin(rows: Select[Any]) -> Select[Any]:
        return rows.order_by(*order_of(filters, None)).limit(n)

    rows, plan = plan_rows(one_range, NOTHING, None, StepFilters(), begin)
    return fetch(select(rows.c.id).where(*plan.conditions).limit(1)).first() is not None
