"""Turn filters into WHERE conditions."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Label, Select, and_, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from ..filters import TimedFilters, part_negated
from ..models import Run, Step

Column = InstrumentedAttribute[Any]
# What a list asks for: a column, also under another name.
Selected = Column | Label[Any]
# How to write a column: it decides whether an index may be used for it.
Way = Callable[[Column], Any]


class unindexed(ColumnElement[Any]):  # noqa: N801 - it reads as a SQL function
    """A column that SQLite must not look up through an index (its unary plus).

    SQLite has no statistics of how rows are spread and would fetch a common value's rows in the
    order of that value's index, one page of the table each. PostgreSQL decides by itself.
    """

    inherit_cache = True
    # What its statements are cached by; without it each would be compiled for every request.
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]

    def __init__(self, column: Column) -> None:
        """Wrap a column."""
        self.column = column.__clause_element__()
        self.type = self.column.type

    @property
    def _from_objects(self) -> list[Any]:
        # Whose table is in a statement where only the condition has it.
        return list(self.column._from_objects)


@compiles(unindexed)
def _compile_plain(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.column, **kw)


@compiles(unindexed, "sqlite")
def _compile_sqlite(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return "+" + compiler.process(element.column, **kw)


def beside(leading: Column | None, column: Column) -> Any:
    """Return a column as it stands where another one leads: without its own index."""
    return column if leading is None or column is leading else unindexed(column)


def any_of(column: ColumnElement[Any] | Column, values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a column has any of the values."""
    return column == values[0] if len(values) == 1 else column.in_(values)


def chosen(column: ColumnElement[Any] | Column, values: Sequence[str]) -> ColumnElement[bool]:
    """Return the same for values that may be negated: any of the plain, none of the negated."""
    plain, negated = part_negated(values)
    parts = [any_of(column, plain)] if plain else []
    return and_(*parts, column.not_in(negated)) if negated else parts[0]


def range_conditions(
    filters: TimedFilters, model: type[Run | Step], way: Way
) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that ask for ranges of time and of duration."""
    for column, (after, before) in (
        (model.started_at, filters.started_range()),
        (model.completed_at, filters.ended_range()),
    ):
        if after is not None:
            yield way(column) >= after
        if before is not None:
            yield way(column) < before
    if filters.min_duration_ms is not None:
        yield way(model.duration_ms) >= filters.min_duration_ms
    if filters.max_duration_ms is not None:
        yield way(model.duration_ms) <= filters.max_duration_ms


def either(*statements: Select[tuple[int]]) -> Select[tuple[int]]:
    """Return the ids that any of the statements finds; each may have its own order and limit."""
    parts = (select(one.subquery().c[0]) for one in statements)
    return select(union_all(*parts).subquery().c[0])
