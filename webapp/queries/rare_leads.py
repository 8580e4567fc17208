"""Find what leads where each filter lets many rows through, and all of them together few.

Such a list was walked in its order to the end, for many seconds. So a part of it is looked at
first; where that does not fill the page, the smallest index leads that is not too large.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from ..filters import STARTED, StepFilters
from ..models import Step
from .conditions import Column
from .kept import kept
from .plain import fetch
from .step_conditions import is_one, sort_column
from .step_plans import order_of, plan_rows
from .step_sizes import look_up, measure_common
from .step_stretches import STRETCH_ENDS, find_stretch

# So many rows of the list are looked at.
LOOKED_AT = 50_000
# An index of no more rows leads: to look each of them up in the table takes a second.
LED = 200_000


def find_rare_lead(filters: StepFilters) -> Column | None:
    """Return the column whose index leads; None where the walk soon fills the page, or must do."""
    n = filters.offset + filters.limit
    return _find_rare_lead(filters.of_any_page(), n, filters.moment)


@kept
def _find_rare_lead(filters: StepFilters, n: int, _moment: datetime | None) -> Column | None:
    if _count_first(filters, n) >= n:
        return None
    sizes = measure_common(filters, LED)
    leading = min(sizes, key=lambda column: sizes[column], default=None)
    # A list of one workspace by id goes along its index anyway.
    is_walked = leading is Step.workspace and sort_column(filters) is Step.id
    return None if is_walked else leading


def _count_first(filters: StepFilters, n: int) -> int:
    """Count what passes of the first rows of the list, up to n."""
    stretch = find_stretch(filters)

    def begin(rows: Select[Any]) -> Select[Any]:
        ends = (STRETCH_ENDS[name] for name in sorted(stretch))
        return rows.where(*ends).order_by(*order_of(filters, None)).limit(LOOKED_AT)

    rows, plan = plan_rows(
        filters, look_up(filters), sort_column(filters), _walked_by(filters), begin
    )
    passing = select(rows.c.id).where(*plan.conditions).limit(n).subquery()
    return fetch(select(func.count()).select_from(passing), stretch).scalar_one()


def _walked_by(filters: StepFilters) -> StepFilters:
    """Return those of the filters that the index of the order holds: rows between are skipped."""
    names: dict[Column, tuple[str, ...]] = {
        Step.started_at: (*STARTED, "asked_at", *(("status",) if is_one(filters.status) else ())),
        Step.duration_ms: ("min_duration_ms", "max_duration_ms"),
        Step.step_name: ("step_name",),
    }
    wanted = names.get(sort_column(filters), ())
    return replace(StepFilters(), **{name: getattr(filters, name) for name in wanted})
