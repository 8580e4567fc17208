"""While another process locks SQLite, reading goes on, and who must write is told to try again."""

import http.client
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.conftest import PASSWORD

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
