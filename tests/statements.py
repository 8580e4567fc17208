"""Collect the SQL statements that a piece of work sends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from webapp.extensions import db


@contextmanager
def collected_statements(app: Flask) -> Iterator[list[str]]:
    """Yield a list that fills with every statement sent meanwhile."""
    statements: list[str] = []

    def note(statement: str, _values: Any) -> None:
        # SQLite's transactions begin by a statement of their own; PostgreSQL's do not.
        if statement != "BEGIN":
            statements.append(statement)

    with noted_statements(app, note):
        yield statements


@contextmanager
def noted_statements(app: Flask, take: Callable[[str, Any], None]) -> Iterator[None]:
    """Hand each statement sent meanwhile, and its values, to `take`."""

    def note(*arguments: Any) -> None:
        take(arguments[2], arguments[3])

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)


def without_versions(statements: list[str]) -> list[str]:
    """Return the statements but those that only PostgreSQL needs, before an answer is kept."""
    return [one for one in statements if not one.startswith("SELECT counters.value")]


def explain_statements(app: Flask, act: Callable[[], object]) -> list[str]:
    """Return the engine's plan of each SELECT that an act sends, line by line."""
    seen = []

    def note(*arguments: Any) -> None:
        seen.append((arguments[2], arguments[3]))

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        act()
        event.remove(db.engine, "before_cursor_execute", note)
        connection = db.session.connection()
        is_sqlite = connection.dialect.name == "sqlite"
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        cursor = connection.connection.cursor()
        lines = []
        for statement, parameters in seen:
            if statement.startswith("SELECT"):
                cursor.execute(f"{explain} {statement}", parameters)
                lines += [row[3 if is_sqlite else 0] for row in cursor.fetchall()]
        assert lines
        return lines
