"""PostgreSQL that is restarted, away or full: 503 meanwhile, and all is well after it."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from webapp import create_app
from webapp.config import Settings
from webapp.database import CONNECT_TIMEOUT_S, engine_options
from webapp.extensions import db

from .conftest import PASSWORD, SECRET_KEY, migrate_database
from .postgres import make_database, restart_cluster, stop_cluster, throwaway_cluster

POOL_SIZE = 2


@pytest.fixture(scope="module")
def parameters() -> Iterator[str]:
    """Run a PostgreSQL of this module's own, which it may restart."""
    with throwaway_cluster() as parameters:
        migrate_database(make_database(parameters, "gone"))
        yield parameters


@pytest.fixture
def folder(parameters: str) -> Path:
    """Return the folder of the cluster."""
    return Path(parse_qs(parameters)["host"][0])


@pytest.fixture
def app(parameters: str) -> Iterator[Flask]:
    """Return an application with a small pool, and a page that waits."""
    url = f"postgresql+psycopg:///gone?{parameters}"
    settings = Settings(SECRET_KEY, url, pool_size=POOL_SIZE)
    app = create_app(settings, TESTING=True, WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=False)
    app.add_url_rule("/wait/<int:s>", "pages.wait", wait)
    yield app
    with app.app_context():
        db.engine.dispose()


def wait(s: int) -> str:
    """Keep the database busy with one query."""
    return str(db.session.scalar(text(f"SELECT pg_sleep({s})")))


def status_of(app: Flask, path: str) -> tuple[int, str | None]:
    """Log in and ask for a page; return its status and when to try it again."""
    client = app.test_client()
    response = client.post("/login", data={"username": "admin", "password": PASSWORD})
    if response.status_code == 302:
        response = client.get(path)
    return response.status_code, response.headers.get("Retry-After")


def test_a_restart_ends_what_runs_by_503_and_the_next_request_is_fine(
    app: Flask, parameters: str, folder: Path
) -> None:
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(status_of, app, "/wait/14")
        wait_for_queries(parameters)
        restart_cluster(folder)
        assert running.result() == (503, "5")
    assert status_of(app, "/steps") == (200, None)


def test_connections_of_before_a_restart_are_not_used_after_it(app: Flask, folder: Path) -> None:
    assert status_of(app, "/steps") == (200, None)
    restart_cluster(folder)
    assert status_of(app, "/steps") == (200, None)


def test_while_it_is_away_all_answers_are_503_and_then_all_is_well(
    app: Flask, folder: Path
) -> None:
    stop_cluster(folder)
    try:
        assert status_of(app, "/steps") == (503, "5")
    finally:
        restart_cluster(folder)
    assert status_of(app, "/steps") == (200, None)


def test_more_requests_than_places_wait_for_one(app: Flask, parameters: str) -> None:
    with ThreadPoolExecutor(POOL_SIZE * 2) as threads:
        waiting = [threads.submit(status_of, app, "/wait/1") for _ in range(POOL_SIZE * 2)]
        wait_for_queries(parameters)
        assert [one.result() for one in waiting] == [(200, None)] * POOL_SIZE * 2


def test_who_finds_no_connection_free_is_asked_to_come_again(app: Flask) -> None:
    with app.app_context(), ExitStack() as stack:
        for _ in range(POOL_SIZE):
            stack.enter_context(db.engine.connect())
        assert status_of(app, "/steps") == (503, "5")
    assert status_of(app, "/steps") == (200, None)


def test_a_server_that_takes_connections_and_never_answers_is_given_up_in_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://u@127.0.0.1:{silent.getsockname()[1]}/d"
        app = create_app(Settings(SECRET_KEY, url), TESTING=True, WTF_CSRF_ENABLED=False)
        began = time.monotonic()
        assert status_of(app, "/steps") == (503, "5")
        assert CONNECT_TIMEOUT_S - 1 < time.monotonic() - began < 60
    assert "is to be tried again: connection timeout expired" in capsys.readouterr().err


def test_how_long_to_wait_for_a_connection_can_be_said_in_the_url() -> None:
    for query, expected in (("", CONNECT_TIMEOUT_S), ("?connect_timeout=30", "30")):
        settings = Settings(SECRET_KEY, f"postgresql+psycopg://u@127.0.0.1/d{query}")
        assert engine_options(settings)["connect_args"]["connect_timeout"] == expected


def wait_for_queries(parameters: str, n: int = 1) -> None:
    """Return once so many pages that wait have begun to."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
    end = time.monotonic() + 30
    engine = create_engine(f"postgresql+psycopg:///postgres?{parameters}")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.execute(query).scalar_one() < n:
            assert time.monotonic() < end
            time.sleep(0.05)
    engine.dispose()
