"""The data that the benchmark measures with."""

from typing import Any

from flask import Flask
from sqlalchemy import event

from benchmarks.data import fill
from webapp.extensions import db


def test_no_transaction_stays_open_while_the_data_is_written(app: Flask) -> None:
    open_now: set[Any] = set()
    at_begin = []

    def note(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(("BEGIN IMMEDIATE", "SELECT pg_advisory_xact_lock")):
            at_begin.append(open_now - {connection})

    with app.app_context():
        engine = db.engine
    listeners = {
        "before_cursor_execute": note,
        "begin": lambda connection: open_now.add(connection),
        "commit": lambda connection: open_now.discard(connection),
        "rollback": lambda connection: open_now.discard(connection),
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        fill(app, 200)
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)
    # But the writer's own.
    assert at_begin and not any(at_begin)
