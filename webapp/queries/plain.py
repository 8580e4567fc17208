"""Run statements that select columns, no entities."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Dialect
from sqlalchemy.sql.compiler import WARN_LINTING
from sqlalchemy.sql.selectable import TypedReturnsRows

from ..extensions import db
from ..routing import RoutedSession

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

T = TypeVar("T", bound=tuple[Any, ...])
B = TypeVar("B")
# So many of the statements that depend on what is asked are kept as they were built.
KEPT_STATEMENTS = 512
# One of more values than these is too large to keep, and is built each time.
KEPT_VALUES = 100


def builder(kept: "_lru_cache_wrapper[B]", n_values: int) -> Callable[..., B]:
    """Return what builds a statement of so many values: with its keeping, or past it."""
    return kept if n_values <= KEPT_VALUES else kept.__wrapped__


def fetch(
    statement: TypedReturnsRows[T], values: Mapping[str, Any] | None = None
) -> CursorResult[T]:
    """Run it on the session's connection, in half the time that the session itself takes.

    The session then still decides which database is read.
    """
    return _connection_for(statement).execute(statement, values)


def fetch_again(
    statement: TypedReturnsRows[T], values: Mapping[str, Any] | None = None
) -> CursorResult[T]:
    """Run a statement that is kept as an object, and run for many requests.

    SQLAlchemy knows it again by all of its parts, which for a long one takes as long as to run it.
    Not for what has values in it of which there are many: each object is compiled by itself, which
    takes longer than many runs, where SQLAlchemy compiles all of one shape once.
    """
    connection = _connection_for(statement)
    return connection.execute(_compiled(statement, connection.dialect), values)


def _connection_for(statement: Any) -> Connection:
    return cast(RoutedSession, db.session()).reading_connection(statement)


# What each request runs stays, as it was asked for lately.
@lru_cache(KEPT_STATEMENTS)
def _compiled(statement: Any, dialect: Dialect) -> Any:
    # With a warning of tables that nothing joins, as SQLAlchemy has it by itself.
    return statement.compile(dialect=dialect, linting=WARN_LINTING)
