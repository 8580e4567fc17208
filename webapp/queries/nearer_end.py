"""Find a page from the end of its list where that is nearer: the last as soon as the first."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ..filters import StepFilters
from .rare_leads import LOOKED_AT_EACH, fills_soon
from .state import is_version, kept_version
from .step_conditions import is_by_counts, sort_column
from .step_sizes import held_by
from .step_totals import count_steps

# To what is no farther off than so many rows a list is walked in no time.
NEAR = 10_000

T = TypeVar("T")


def find_from_nearer_end(
    find: Callable[[StepFilters], Sequence[T]], filters: StepFilters, exact: bool
) -> Sequence[T]:
    """Return the page that `find` finds, in the order of the filters.

    `exact` says that all rows of the list are counted anyway. PostgreSQL may count those of one
    moment and find those of another: where the history changed between, the page is found from the
    start.
    """
    if filters.offset <= NEAR or is_by_counts(filters) or not (exact or filters.is_documented):
        return find(filters)
    version = kept_version()
    if version is None:
        return find(filters)
    backwards = _turn(filters, count_steps(filters, exact=True).n)
    if backwards.offset >= filters.offset or not _is_near(backwards, filters.offset):
        return find(filters)
    rows = find(backwards)
    return rows[::-1] if is_version(version) else find(filters)


def _turn(filters: StepFilters, total: int) -> StepFilters:
    """Return what finds the same page of a list of so many rows, its last row first."""
    n_after = total - filters.offset - filters.limit
    name = filters.sort.removeprefix("-")
    return replace(
        filters,
        sort=name if name != filters.sort else f"-{name}",
        offset=max(n_after, 0),
        # The last page may have fewer rows, and one beyond it has none.
        limit=max(filters.limit + min(n_after, 0), 0),
    )


def _is_near(backwards: StepFilters, offset: int) -> bool:
    """Tell whether the walk from the end is the shorter one.

    Where other filters let through what is met on it, the rows may stand together far from there.
    """
    alone = held_by(backwards, sort_column(backwards))
    if not backwards.step_name and alone == backwards.of_any_order():
        return True
    n = backwards.offset + backwards.limit
    return LOOKED_AT_EACH * n <= offset and fills_soon(backwards)
