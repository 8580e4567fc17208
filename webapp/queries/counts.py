"""Read the kept counts of steps, and count runs no further than a page needs to know."""

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
)

from ..filters import RunFilters, StepFilters
from ..models import TOTAL_BLOCK, BlockCount, Run, StepCount, blocks_of, ids_of, table_of
from .conditions import Column, any_of, beside, chosen, range_conditions
from .kept import kept
from .plain import KEPT_STATEMENTS, fetch

# Where an exact total is dear, a page counts this far and then says "10,000+".
COUNTED = 10_000

Counts = type[StepCount] | type[BlockCount]
# What is asked of workspace, status and type.
Values = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


class Total(NamedTuple):
    """How many rows a filter finds; at least so many when not exact."""

    n: int
    is_exact: bool = True

    def __str__(self) -> str:
        """Return the number as a page says it."""
        return f"{self.n:,}" + ("" if self.is_exact else "+")


class Span(NamedTuple):
    """A range of step ids, the last one not in it, and how many matching rows to skip in it."""

    first_id: int
    end_id: int
    skip: int


class _Block(NamedTuple):
    """A block, the ids that it counts, and how many matching rows these have."""

    block: int
    ids: range
    n: int

    @property
    def is_whole(self) -> bool:
        """Tell whether every id of the block is a row of the list: then its nth is known."""
        return self.n == len(self.ids)


class _Holder(NamedTuple):
    """A block that holds rows of a page, and how many rows of the list stand before it."""

    counted: _Block
    before: int


def count_by_kept_counts(filters: StepFilters) -> int:
    """Count the steps that workspace, status and type let through, from the kept counts."""
    return _count(filters.workspace, filters.status, filters.step_type)


def select_kept_count(filters: StepFilters) -> Select[tuple[int]]:
    """Return the statement that counts the same, to be part of another."""
    return _sum_of(filters.workspace, filters.status, filters.step_type)


@kept
def _count(*values: tuple[str, ...]) -> int:
    return int(fetch(_sum_of(*values)).scalar_one())


# To build such a statement takes longer than to run it; what is asked once is asked again.
@lru_cache(KEPT_STATEMENTS)
def _sum_of(*values: tuple[str, ...]) -> Select[tuple[int]]:
    filters = _filters_of(*values)
    counts = _counts_for(filters)
    return select(func.coalesce(func.sum(counts.n), 0)).where(
        counts.block == TOTAL_BLOCK, *_conditions(counts, filters)
    )


@lru_cache(KEPT_STATEMENTS)
def _sizes_of_groups(*values: tuple[str, ...]) -> Select[tuple[int, int]]:
    filters = _filters_of(*values)
    return _sizes(filters, _counts_for(filters).block < TOTAL_BLOCK)


@lru_cache(KEPT_STATEMENTS)
def _sizes_of_blocks(*values: tuple[str, ...]) -> Select[tuple[int, int]]:
    filters = _filters_of(*values)
    first, last = (bindparam(name, type_=BigInteger) for name in ("first", "last"))
    return _sizes(filters, _counts_for(filters).block.between(first, last))


def _sizes(filters: StepFilters, is_asked: ColumnElement[bool]) -> Select[tuple[int, int]]:
    counts = _counts_for(filters)
    return (
        select(counts.block, func.sum(counts.n))
        .where(is_asked, *_conditions(counts, filters))
        .group_by(counts.block)
    )


def _filters_of(
    workspace: tuple[str, ...], status: tuple[str, ...], step_type: tuple[str, ...]
) -> StepFilters:
    return StepFilters(workspace=workspace, status=status, step_type=step_type)


def count_by_value(column: Column, filters: StepFilters | None = None) -> dict[str, int]:
    """Count steps by the values of one of the counted columns, under other filters."""
    filters = filters or StepFilters()
    counts = StepCount if column.key == StepCount.workspace.key else _counts_for(filters)
    value = table_of(counts).c[column.key]
    statement = (
        select(value, func.sum(counts.n))
        .where(counts.block == TOTAL_BLOCK, *_conditions(counts, filters))
        .group_by(value)
        .having(func.sum(counts.n) > 0)
        .order_by(value)
    )
    return {name: int(n) for name, n in fetch(statement).all()}


def count_by_status_and_type(filters: StepFilters) -> dict[tuple[str, str], int]:
    """Count steps by (status, type), under other filters."""
    counts = _counts_for(filters)
    statement = (
        select(counts.status, counts.step_type, func.sum(counts.n))
        .where(counts.block == TOTAL_BLOCK, *_conditions(counts, filters))
        .group_by(counts.status, counts.step_type)
    )
    return {(status, kind): int(n) for status, kind, n in fetch(statement).all()}


def find_span(filters: StepFilters, after_id: int | None = None) -> Span | None:
    """Find the blocks of ids that hold the page of the filters; None when there is no such row.

    `after_id` begins the page after a row: its own block can hold any part of the page, or none.
    """
    groups = _find_holders(filters, _find_groups(*_counted_values(filters)), 0, after_id)
    if not groups:
        return None
    # Only where the page begins and where it ends has to be known by block.
    ends = [_narrow(filters, one, after_id) for one in dict.fromkeys((groups[0], groups[-1]))]
    first, last = ends[0][0], ends[-1][-1]
    begin = min(first.counted.ids.start, last.counted.ids.start)
    end = max(first.counted.ids.stop, last.counted.ids.stop)
    skip = filters.offset - first.before
    if not first.counted.is_whole or after_id is not None:
        return Span(begin, end, skip)
    return Span(begin, end - skip, 0) if filters.sort == "-id" else Span(begin + skip, end, 0)


def _narrow(filters: StepFilters, group: _Holder, after_id: int | None) -> list[_Holder]:
    """Return the blocks of a group that hold the page, or the group if rows went meanwhile."""
    blocks = _find_blocks(*_counted_values(filters), group.counted.block)
    return _find_holders(filters, blocks, group.before, after_id) or [group]


def _counted_values(filters: StepFilters) -> Values:
    return filters.workspace, filters.status, filters.step_type


# Kept, as whoever walks through a list asks for them at each page.
@kept
def _find_groups(*values: tuple[str, ...]) -> list[_Block]:
    return _in_order(fetch(_sizes_of_groups(*values)).tuples())


@kept
def _find_blocks(
    workspace: tuple[str, ...], status: tuple[str, ...], step_type: tuple[str, ...], group: int
) -> list[_Block]:
    blocks = blocks_of(group)
    ends = {"first": blocks.start, "last": blocks.stop - 1}
    return _in_order(fetch(_sizes_of_blocks(workspace, status, step_type), ends).tuples())


def _in_order(sizes: Iterable[tuple[int, int]]) -> list[_Block]:
    """Return what has rows, in the order of the ids."""
    blocks = [_Block(block, ids_of(block), int(n)) for block, n in sizes if n > 0]
    return sorted(blocks, key=lambda one: one.ids.start)


def _find_holders(
    filters: StepFilters, blocks: Sequence[_Block], before: int, after_id: int | None
) -> list[_Holder]:
    """Return those blocks that hold the page, in its order; so many rows stand before them all."""
    is_descending = filters.sort == "-id"
    end = filters.offset + filters.limit
    holders = []
    for one in reversed(blocks) if is_descending else blocks:
        if after_id is not None and _is_past(one.ids, after_id, is_descending):
            continue
        if before + one.n > filters.offset:
            holders.append(_Holder(one, before))
        if after_id is None or after_id not in one.ids:
            before += one.n
        if before >= end:
            break
    return holders


def _is_past(ids: range, after_id: int, is_descending: bool) -> bool:
    """Tell whether no row of these ids stands after one, in an order of ids."""
    return ids.start >= after_id if is_descending else ids.stop - 1 <= after_id


def count_up_to(statement: Select[tuple[int]], exact: bool) -> Total:
    """Count the rows of a statement: all of them when exact, else up to COUNTED."""
    inner = statement if exact else statement.limit(COUNTED + 1)
    n = fetch(select(func.count()).select_from(inner.subquery())).scalar_one()
    return Total(n) if exact or n <= COUNTED else Total(COUNTED, is_exact=False)


def count_runs(filters: RunFilters, exact: bool = False) -> Total:
    """Count the runs that the filters let through."""
    return count_up_to(select(Run.id).where(*run_conditions(filters)), exact)


def run_conditions(filters: RunFilters, leading: Column | None = None) -> list[ColumnElement[bool]]:
    """Return the WHERE conditions of a list of runs.

    Where a column leads, the others but the group of runs do not go by an index.
    """
    way = partial(beside, leading)
    conditions = []
    for column in (Run.status, Run.workflow_name, Run.target):
        if values := getattr(filters, column.key):
            conditions.append(chosen(way(column), values))
    if filters.workspace:
        conditions.append(any_of(way(Run.workspace), filters.workspace))
    if filters.run_group_id:
        conditions.append(of_groups(filters.run_group_id))
    return [*conditions, *range_conditions(filters, Run, way)]


def of_groups(group_ids: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a run is of any of these groups."""
    is_member = any_of(Run.run_group_id, group_ids)
    # Said as the partial index says it, else SQLite does not use it, and reads all runs.
    is_filled = Run.run_group_id != literal_column("''")
    return is_member if "" in group_ids else and_(is_member, is_filled)


def _counts_for(filters: StepFilters) -> Counts:
    """Return the smaller table of counts where no workspace is asked for."""
    return StepCount if filters.workspace else BlockCount


def _conditions(counts: Counts, filters: StepFilters) -> list[ColumnElement[bool]]:
    conditions = []
    if filters.workspace:
        conditions.append(any_of(StepCount.workspace, filters.workspace))
    for column in (counts.status, counts.step_type):
        if values := getattr(filters, column.key):
            conditions.append(chosen(column, values))
    return conditions
