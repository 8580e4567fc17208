"""Find what leads where each filter lets many rows through, and all of them together few.

Such a list was walked in its order to the end, for many seconds. So a part of it is looked at
first; where that does not fill the page, the cheapest index leads, unless the walk is cheaper.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Select, func, select

from ..extensions import db
from ..filters import StepFilters
from ..models import Step
from .conditions import Column
from .counts import count_by_kept_counts
from .kept import kept
from .plain import fetch
from .step_conditions import Lookups, sort_column
from .step_plans import is_in_index, is_wide_enough, must_sort, order_of, plan_rows
from .step_sizes import count_alone, count_duration_parts, held_by, look_up, measure_common
from .step_stretches import conditions_of_places, find_stretch

# So many rows of the list are looked at, and for each row of a deep page so many.
LOOKED_AT, LOOKED_AT_EACH = 50_000, 4
# An index of no more rows leads: to look each of them up in the table takes some seconds.
LED = 1_000_000
# So many where the index holds all that is asked of the rows, which makes each so much cheaper.
LED_ALONE, TIMES_CHEAPER = 2_000_000, 30
# How many times cheaper a row is in the table as it lies than one that is looked up by itself.
TABLE_CHEAPER = 10
# And one in the index of durations as it lies than a part of one value that is looked up there.
ENTRIES_CHEAPER = 64
# How far off the rows that pass may lie, beside those that were looked at: they stand in clusters.
CLUSTERED = 4
# What passes a filter of these mostly stands all over a list; a range of time is in one place.
_SPREAD = (Step.step_name, Step.duration_ms)
# A column whose index can lead, and how many rows of the table it costs as much as.
Lead = tuple[Column, float]


def find_cheapest(filters: StepFilters, found: Lookups) -> Column | None:
    """Return the column whose index is cheapest to count all steps that pass along, if any.

    None too where one that holds all filters leads anyway.
    """
    of_any_order = filters.of_any_order()
    if db.engine.dialect.name == "postgresql" or is_wide_enough(of_any_order, found):
        return None
    cheapest = _find_cheapest(of_any_order, None)
    return None if cheapest is None else cheapest[0]


def is_table_sooner(filters: StepFilters, found: Lookups, leading: Column | None) -> bool:
    """Tell whether all that passes is sooner counted in the whole table than along an index.

    Along that of names or of durations each row is looked up by itself, anywhere in the table.
    Where the index of durations holds all that is asked, it is read as it lies, if that is sooner
    than to look up each part where one of them is. That of names is not: to compare each name
    takes as long as the look-ups.
    """
    if leading is None or not _is_spread(leading):
        return False
    n_steps = count_by_kept_counts(StepFilters())
    if is_in_index(filters.of_any_order(), found, leading):
        most = n_steps // ENTRIES_CHEAPER
        return leading is Step.duration_ms and count_duration_parts(filters, most) > most
    most = n_steps // TABLE_CHEAPER
    return count_alone(held_by(filters, leading), found, leading, most) > most


def _is_spread(leading: Column) -> bool:
    """Tell whether what a column's index finds lies anywhere; PostgreSQL decides by itself."""
    return db.engine.dialect.name == "sqlite" and any(leading is one for one in _SPREAD)


def find_rare_lead(filters: StepFilters, after_id: int | None = None) -> Column | None:
    """Return the column whose index leads; None: the list is walked.

    So it is where the page is sooner full, or where every index is too large. `after_id` begins
    the page after a step. PostgreSQL decides by itself.
    """
    if db.engine.dialect.name == "postgresql":
        return None
    n = filters.offset + filters.limit
    n_looked_at = _n_looked_at(n)
    bare, moment = filters.of_any_page(), filters.moment
    look = partial(_count_first, bare, n, n_looked_at, after_id, moment)
    # To look is cheap where the page is soon full; to measure indexes is not, but by kept counts.
    is_deep = LOOKED_AT_EACH * n > LOOKED_AT
    if not (is_deep or filters.is_documented) and look() >= n:
        return None
    lead = _find_candidate(bare, moment)
    if lead is None:
        return None
    leading, cost = lead
    if cost <= _cost_of_walk(filters, _least_walk(filters, n)):
        return leading
    # Looked at already, it is kept.
    n_passing = look()
    if n_passing >= n:
        return None
    n_walked = CLUSTERED * n_looked_at * n / n_passing if n_passing else float("inf")
    is_led = cost <= _cost_of_walk(filters, min(n_walked, _n_in_walk(filters)))
    return leading if is_led else None


def fills_soon(filters: StepFilters) -> bool:
    """Tell whether the rows of the list that are looked at for a page fill it."""
    n = filters.offset + filters.limit
    return _count_first(filters.of_any_page(), n, _n_looked_at(n), None, filters.moment) >= n


def _n_looked_at(n: int) -> int:
    """Return how many rows of a list are looked at for its first n that pass."""
    return max(LOOKED_AT, LOOKED_AT_EACH * n)


def is_sooner_full(
    filters: StepFilters, found: Lookups, leading: Column, after_id: int | None = None
) -> bool:
    """Tell whether to walk the list fills a page sooner than to sort all that an index finds.

    Where one step in thirty is slow, the twenty newest of these are soon met. No more rows of the
    list are looked at than the index of the `leading` column finds.
    """
    if not (_is_spread(leading) and must_sort(filters, leading, found)):
        return False
    n_led = found.sizes[leading]
    n = filters.offset + filters.limit
    n_walked = CLUSTERED * n * _n_in_walk(filters) // n_led
    if n_walked >= n_led:
        return False
    return _count_first(filters.of_any_page(), n, n_walked, after_id, filters.moment) >= n


def _n_in_walk(filters: StepFilters) -> int:
    """Return how many rows the index has that the list is walked along."""
    return count_by_kept_counts(StepFilters(status=held_by(filters, sort_column(filters)).status))


def _least_walk(filters: StepFilters, n: int) -> float:
    """Return how many rows are walked, at the least, to the n-th that passes.

    Where the kept counts tell how many pass: as if these were spread evenly.
    """
    if not filters.is_documented:
        return n
    return n * _n_in_walk(filters) / max(count_by_kept_counts(filters), 1)


def _cost_of_walk(filters: StepFilters, n_walked: float) -> float:
    """Return what it costs to walk so many rows of the list, as a `Lead` does."""
    return n_walked / _times_cheaper(filters, sort_column(filters))


def _times_cheaper(filters: StepFilters, leading: Column) -> int:
    """Return how many times cheaper than a row of the table a row is in the index of a column."""
    return TIMES_CHEAPER if is_in_index(filters, look_up(filters), leading) else 1


@kept
def _find_candidate(filters: StepFilters, _moment: datetime | None) -> Lead | None:
    """Return the cheapest index that can lead, and that the list does not go along anyway."""
    walked = sort_column(filters)
    lead = _find_cheapest(filters, walked)
    # By id the list of one workspace goes along its index.
    is_walked = lead is not None and lead[0] is Step.workspace and walked is Step.id
    return None if is_walked and len(filters.workspace) == 1 else lead


def _find_cheapest(filters: StepFilters, walked: Column | None) -> Lead | None:
    def most(column: Column) -> int:
        return LED if _times_cheaper(filters, column) == 1 else LED_ALONE

    sizes = measure_common(filters, look_up(filters), most, walked)
    leads = [(column, n / _times_cheaper(filters, column)) for column, n in sizes.items()]
    return min(leads, key=lambda lead: lead[1], default=None)


@kept
def _count_first(
    filters: StepFilters, n: int, n_looked_at: int, after_id: int | None, _moment: datetime | None
) -> int:
    """Count what passes of the first rows of the list that are looked at, up to n."""
    places: Mapping[str, Any] = find_stretch(filters)
    if after_id is not None:
        places = {**places, "after_id" if filters.sort == "id" else "before_id": after_id}

    def begin(rows: Select[Any]) -> Select[Any]:
        begun = rows.where(*conditions_of_places(places))
        return begun.order_by(*order_of(filters, None)).limit(n_looked_at)

    walked = sort_column(filters)
    rows, plan = plan_rows(filters, look_up(filters), walked, held_by(filters, walked), begin)
    passing = select(rows.c.id).where(*plan.conditions).limit(n).subquery()
    return fetch(select(func.count()).select_from(passing), places).scalar_one()
