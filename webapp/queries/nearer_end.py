"""Find a page from the end of a list where that is nearer: the last page as soon as the first."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ..filters import StepFilters
from .state import is_version, kept_version

# To what is not so far off the list is walked in no time.
FAR = 10_000

T = TypeVar("T")


def find_from_nearer_end(
    find: Callable[[StepFilters], Sequence[T]],
    filters: StepFilters,
    count: Callable[[], int],
) -> Sequence[T]:
    """Return the page that `find` finds, in the order of the filters.

    `count` tells how many rows the whole list has. PostgreSQL may count those of one moment and
    find those of another; where the history changed between, the page is found from the start.
    """
    version = kept_version()
    if version is None or filters.offset < FAR:
        return find(filters)
    n_after = count() - filters.offset - filters.limit
    if n_after >= filters.offset:
        return find(filters)
    # The last page may have fewer rows, and one beyond it has none.
    limit = max(filters.limit + min(n_after, 0), 0)
    backwards = replace(filters, sort=_opposite(filters.sort), offset=max(n_after, 0), limit=limit)
    rows = find(backwards)
    return rows[::-1] if is_version(version) else find(filters)


def _opposite(sort: str) -> str:
    return sort[1:] if sort.startswith("-") else f"-{sort}"
