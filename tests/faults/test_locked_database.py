"""While another process locks SQLite, reading goes on, and who must write is told to try again."""

import http.client
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event

from tests.conftest import PASSWORD, make_app
from webapp.extensions import db
from webapp.ingest.demo import import_demo as import_moved
from webapp.ingest.errors import SourceError
from webapp.ingest.osmedeus.importer import import_base
from webapp.ingest.osmedeus.summary import ImportSummary
from webapp.ingest.sample import unpacked_sample

from .conftest import served
from .load import Load

BUSY_MS = 300


def import_sample() -> ImportSummary:
    """Import the real base."""
    with unpacked_sample() as folder:
        return import_base(folder / "base")


def import_demo() -> ImportSummary:
    """Import it as the demo, whose runs are moved in time."""
    return import_moved(lambda *_: None)


def log_in(url: str) -> http.client.HTTPResponse:
    """Log in, which writes; the answer is read."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    body = json.dumps({"username": "admin", "password": PASSWORD})
    connection.request("POST", "/osm/api/login", body)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_lock_keeps_nobody_from_reading(full_app: Flask, is_long: bool) -> None:
    path = Path(full_app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    lasts = 10.0 if is_long else 2.0
    # The wait counts as slow, as it does by default.
    limits = {"STEPBOARD_BUSY_TIMEOUT_MS": str(BUSY_MS), "STEPBOARD_SLOW_QUERY_MS": "100"}
    with served(full_app, **limits) as server:
        expected = server.expected()
        assert log_in(server.url).status == 200
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            until = time.monotonic() + lasts
            with Load(server.url, expected, server.headers, 4) as load:
                while time.monotonic() < until:
                    refused = log_in(server.url)
                    assert refused.status == 503
                    assert int(refused.headers["Retry-After"]) > 0
            other.execute("ROLLBACK")
        assert load.answers.counts["right"] == load.answers.n > 0, load.answers.wrong
        assert log_in(server.url).status == 200
        print(load.answers.told())


@pytest.fixture
def others(database_url: str) -> Iterator[list[int]]:
    """Let somebody hold the lock at the beginning of each transaction, longer than requests wait.

    Return a list that grows by what was begun so: 1 for a writer, else 0.
    """
    held: list[int] = []
    path = database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:

        def hold(connection: Connection) -> None:
            if not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")
                Timer(0.1, other.execute, ["ROLLBACK"]).start()
            held.append(int(bool(connection.get_execution_options().get("immediate"))))

        event.listen(Engine, "begin", hold)
        yield held
        event.remove(Engine, "begin", hold)
        while other.in_transaction:
            time.sleep(0.01)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("imports", [import_sample, import_demo])
def test_an_import_waits_longer_for_its_turn_than_a_request(
    database_url: str, others: list[int], imports: Callable[[], ImportSummary]
) -> None:
    impatient = make_app(database_url, busy_timeout_ms=10)
    with impatient.app_context():
        assert imports().steps.added == 175
        db.engine.dispose()
    # The source, the runs, the artifacts, the steps and the summary.
    assert sum(others) >= 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_import_gives_up_in_the_end(
    database_url: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.database.PATIENCE_S", 0.3)
    impatient = make_app(database_url, busy_timeout_ms=10)
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        with impatient.app_context():
            began = time.monotonic()
            with pytest.raises(SourceError, match="The database was busy"):
                import_sample()
            assert 0.3 <= time.monotonic() - began < 20
            db.engine.dispose()
