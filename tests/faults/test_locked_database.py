"""While another process locks SQLite, reading goes on, and who must write is told to try again."""

import http.client
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import PASSWORD, make_app
from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base

from .conftest import served
from .load import Load

BUSY_MS = 300


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
    with served(full_app, STEPBOARD_BUSY_TIMEOUT_MS=str(BUSY_MS)) as server:
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_import_waits_longer_for_its_turn_than_a_request(
    database_url: str, sample: Path
) -> None:
    impatient = make_app(database_url, busy_timeout_ms=10)
    path = database_url.removeprefix("sqlite:///")

    def hold_again_and_again(most_s: float) -> int:
        n_held = 0
        with closing(sqlite3.connect(path, timeout=most_s, isolation_level=None)) as other:
            while not is_done.is_set():
                other.execute("BEGIN IMMEDIATE")
                # Longer than a request waits, before each of the import's transactions.
                is_done.wait(0.1)
                other.execute("ROLLBACK")
                n_held += 1
                is_done.wait(0.02)
        return n_held

    is_done = Event()
    with impatient.app_context(), ThreadPoolExecutor(1) as executor:
        holding = executor.submit(hold_again_and_again, 10.0)
        try:
            summary = import_base(sample / "base")
        finally:
            is_done.set()
        assert summary.steps.added > 100
        assert holding.result() > 3
        assert db.session.scalar(text("PRAGMA busy_timeout")) == 10
        db.engine.dispose()
