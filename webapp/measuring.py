"""Measure what a request costs: its time, and that of its statements; log the slow ones."""

import logging
import re
import sqlite3
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext, ExecutionContext

from .config import Settings
from .extensions import db

# More of a slow statement is not logged.
MAX_LOGGED = 2_000
R = TypeVar("R")
_logger = logging.getLogger("webapp.statements")


@dataclass(slots=True)
class Cost:
    """What a request has cost so far.

    The time of a statement is that until its rows are there, lock waits too; a COMMIT is not in it.
    """

    began: float = field(default_factory=time.perf_counter)
    database_s: float = 0.0
    n_statements: int = 0
    n_slow: int = 0

    def elapsed_s(self) -> float:
        """Return the seconds since the request came."""
        return time.perf_counter() - self.began


# Not in `g`, which takes longer to reach than the rest of a measurement.
_cost: ContextVar[Cost | None] = ContextVar("cost", default=None)


def init_measuring(app: Flask, settings: Settings) -> None:
    """Begin to measure with each request, and time every statement that one sends."""
    app.before_request(_begin)
    app.teardown_request(_end)
    with app.app_context():
        for engine in db.engines.values():
            _StatementTimer(settings.slow_query_ms / 1000).listen_to(engine)


def cost_of_request() -> Cost:
    """Return what the request at hand has cost so far."""
    return _cost.get() or Cost()


def _begin() -> None:
    _cost.set(Cost())


def _end(_error: BaseException | None) -> None:
    _cost.set(None)


class _StatementTimer:
    """Time the statements of requests; what a command asks may take as long as it needs."""

    def __init__(self, slow_s: float) -> None:
        self._slow_s = slow_s

    def listen_to(self, engine: Engine) -> None:
        event.listen(engine, "before_cursor_execute", self._note_begin)
        event.listen(engine, "after_cursor_execute", self._note_end)
        event.listen(engine, "handle_error", self._note_failure)

    def _note_begin(self, *arguments: Any) -> None:
        if _cost.get() is not None:
            arguments[4].began = time.perf_counter()

    def _note_end(self, *arguments: Any) -> None:
        self._add(arguments[2], arguments[4], arguments[1])

    def _note_failure(self, failure: ExceptionContext) -> None:
        # One that ran out of time is the slowest of all, and comes only by here.
        if failure.execution_context is not None:
            self._add(failure.execution_context.statement or "", failure.execution_context)

    def _add(self, statement: str, context: ExecutionContext, cursor: object = None) -> None:
        cost = _cost.get()
        began: float | None = context.__dict__.pop("began", None)
        if cost is None or began is None:
            return
        cost.n_statements += _is_counted(statement)
        seconds = time.perf_counter() - began
        self.spend(cost, statement, 0.0, seconds)
        if isinstance(cursor, TimedCursor):
            cursor.watch(self, statement, seconds)

    def spend(self, cost: Cost, statement: str, before_s: float, more_s: float) -> None:
        """Add to the cost what a statement took more, after `before_s`; log it as it turns slow."""
        cost.database_s += more_s
        if before_s < self._slow_s <= before_s + more_s:
            cost.n_slow += _is_counted(statement)
            _log_slow(statement, before_s + more_s)


def _is_counted(statement: str) -> bool:
    """Tell whether both engines have it: SQLite's transactions alone begin by a statement."""
    return not statement.startswith("BEGIN")


class TimedCursor(sqlite3.Cursor):
    """A cursor of SQLite, which finds all rows but the first only while they are fetched."""

    _timer: _StatementTimer | None = None
    _statement = ""
    _spent_s = 0.0

    def watch(self, timer: _StatementTimer, statement: str, spent_s: float) -> None:
        """Time what is fetched of a statement that has taken so long by now."""
        self._timer, self._statement, self._spent_s = timer, statement, spent_s

    def fetchone(self) -> Any:
        """Return the next row."""
        return self._timed(super().fetchone)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        """Return the next rows."""
        return self._timed(partial(super().fetchmany, size))

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return self._timed(super().fetchall)

    def _timed(self, fetch: Callable[[], R]) -> R:
        cost = _cost.get()
        if self._timer is None or cost is None:
            return fetch()
        began = time.perf_counter()
        try:
            return fetch()
        finally:
            more_s = time.perf_counter() - began
            self._timer.spend(cost, self._statement, self._spent_s, more_s)
            self._spent_s += more_s


class TimedConnection(sqlite3.Connection):
    """A connection to SQLite whose cursors are timed."""

    def cursor(self, factory: Any = TimedCursor) -> Any:
        """Return a cursor."""
        return super().cursor(factory)


def _log_slow(statement: str, seconds: float) -> None:
    # The text has placeholders only; values stay out of logs, as they may be what steps printed.
    text = re.sub(r"\s+", " ", statement)[:MAX_LOGGED]
    told = {"duration_ms": round(seconds * 1000, 1), "statement": text}
    _logger.warning("a slow query", extra=told)
