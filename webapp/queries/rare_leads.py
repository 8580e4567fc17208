"""Find what leads where each filter lets many rows through, and all of them together few.

Such a list was walked in its order to the end, for many seconds. So a part of it is looked at
first; where that does not fill the page, the smallest index leads that is not too large.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from ..extensions import db
from ..filters import StepFilters
from ..models import Step
from .conditions import Column
from .counts import count_by_kept_counts
from .kept import kept
from .plain import fetch
from .step_conditions import sort_column
from .step_plans import is_in_index, order_of, plan_rows
from .step_sizes import held_by, look_up, measure_common
from .step_stretches import conditions_of_places, find_stretch

# So many rows of the list are looked at, and for each row of a deep page so many.
LOOKED_AT, LOOKED_AT_EACH = 50_000, 4
# An index of no more rows leads: to look each of them up in the table takes a second.
LED = 200_000
# So many where the index holds all that is asked of the rows: then the table is not read.
LED_ALONE = 2_000_000
# A column whose index can lead, and how dear that is beside the most that is borne.
Lead = tuple[Column, float]


def find_smallest(filters: StepFilters) -> Column | None:
    """Return the column whose index leads where all steps of a workspace are counted, if any.

    No other index holds the workspace: each of its rows would be looked up in the table.
    """
    if not filters.workspace or db.engine.dialect.name == "postgresql":
        return None
    smallest = _find_smallest(filters, None)
    return None if smallest is None else smallest[0]


def find_rare_lead(filters: StepFilters, after_id: int | None = None) -> Column | None:
    """Return the column whose index leads; None: the list is walked.

    So it is where the page is soon full, or where every index is too large. `after_id` begins the
    page after a step. PostgreSQL decides by itself.
    """
    if db.engine.dialect.name == "postgresql":
        return None
    lead = _find_candidate(filters.of_any_page(), filters.moment)
    if lead is None:
        return None
    leading, cost = lead
    n = filters.offset + filters.limit
    # To walk to a deep page would take longer than to be led.
    if n >= cost * LED or (filters.is_documented and _is_far(filters, n)):
        return leading
    is_soon_full = _count_first(filters.of_any_page(), n, after_id, filters.moment) >= n
    return None if is_soon_full else leading


def _is_far(filters: StepFilters, n: int) -> bool:
    """Tell by the kept counts whether the n-th row lies beyond what is worth a walk.

    As if rows were spread evenly: a look at so many rows takes longer than to be led.
    """
    return n * count_by_kept_counts(StepFilters()) > LED * count_by_kept_counts(filters)


@kept
def _find_candidate(filters: StepFilters, _moment: datetime | None) -> Lead | None:
    """Return the cheapest index that can lead, and that the list does not go along anyway."""
    walked = sort_column(filters)
    lead = _find_smallest(filters, walked)
    # By id the list of one workspace goes along its index.
    is_walked = lead is not None and lead[0] is Step.workspace and walked is Step.id
    return None if is_walked and len(filters.workspace) == 1 else lead


def _find_smallest(filters: StepFilters, walked: Column | None) -> Lead | None:
    found = look_up(filters)

    def most(column: Column) -> int:
        return LED_ALONE if is_in_index(filters, found, column) else LED

    sizes = measure_common(filters, most, walked)
    leads = [(column, n / max(most(column), 1)) for column, n in sizes.items()]
    return min(leads, key=lambda lead: lead[1], default=None)


@kept
def _count_first(
    filters: StepFilters, n: int, after_id: int | None, _moment: datetime | None
) -> int:
    """Count what passes of the first rows of the list, up to n."""
    places: Mapping[str, Any] = find_stretch(filters)
    if after_id is not None:
        places = {**places, "after_id" if filters.sort == "id" else "before_id": after_id}

    def begin(rows: Select[Any]) -> Select[Any]:
        begun = rows.where(*conditions_of_places(places))
        n_looked_at = max(LOOKED_AT, LOOKED_AT_EACH * n)
        return begun.order_by(*order_of(filters, None)).limit(n_looked_at)

    walked = sort_column(filters)
    rows, plan = plan_rows(filters, look_up(filters), walked, held_by(filters, walked), begin)
    passing = select(rows.c.id).where(*plan.conditions).limit(n).subquery()
    return fetch(select(func.count()).select_from(passing), places).scalar_one()
