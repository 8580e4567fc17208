"""Find between which places of a list the rows of a range of time lie."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, func, select

from ..columns import UtcDateTime
from ..filters import StepFilters
from ..models import Step
from .conditions import Column
from .kept import kept
from .plain import fetch
from .step_conditions import NOTHING, conditions_of, sort_column
from .step_plans import order_of
from .step_sizes import alone

# A range of no more rows than this is looked through for where its rows lie, in its index alone.
STRETCHED = 1_000_000
# Where one of so many first rows passes the range, the list need not be led to it.
FIRST_ROWS = 200
# What the names of a stretch say of the rows.
STRETCH_ENDS: dict[str, ColumnElement[bool]] = {
    "first_id": Step.id >= bindparam("first_id", type_=BigInteger),
    "last_id": Step.id <= bindparam("last_id", type_=BigInteger),
    "first_start": Step.started_at >= bindparam("first_start", type_=UtcDateTime),
    "last_start": Step.started_at <= bindparam("last_start", type_=UtcDateTime),
}


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
        if _begins_at_once(filters, one):
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
    columns = (Step.id, Step.status, Step.started_at, Step.completed_at)
    first = select(*columns).order_by(*order_of(filters, None)).limit(FIRST_ROWS).subquery()

    def of_first(column: Column) -> Any:
        return first.c[column.key]

    conditions = conditions_of(one_range, NOTHING, None, of_first)
    return fetch(select(first.c.id).where(*conditions).limit(1)).first() is not None
