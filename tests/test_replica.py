"""What ran is read from a replica, which may lag; what must never be old is not."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from flask import Flask, current_app
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from webapp.accounts import add_account, make_token, revoke_token
from webapp.cli.imports import await_replica
from webapp.extensions import db
from webapp.models import Role, Run, Scope, Step, StepCount, Token, User
from webapp.queries.users import find_tokens, find_user_named
from webapp.replica import wait_for_replica
from webapp.routing import REPLICA, names_only_replicated

from .conftest import make_app, migrate_database
from .data import make_run, make_source, write
from .postgres import (
    make_database,
    start_cluster,
    stop_cluster,
    throwaway_cluster,
    throwaway_replica,
)

SOON_S = 20.0


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """Run a PostgreSQL and a replica of it; yield the URLs of a database on both."""
    with throwaway_cluster() as primary:
        migrate_database(make_database(primary, "many"))
        with throwaway_replica(Path(parse_qs(primary)["host"][0])) as replica:
            yield (
                f"postgresql+psycopg:///many?{primary}",
                f"postgresql+psycopg:///many?{replica}",
            )


@pytest.fixture
def app(urls: tuple[str, str]) -> Iterator[Flask]:
    """Return an application that reads from a replica, and lets scripts add a run."""
    app = make_app(urls[0], replica_url=urls[1], replica_most_behind_s=60)
    app.add_url_rule("/osm/api/runs", "api.add_run", push_run, methods=["POST"])
    yield from prepared(app)


@pytest.fixture
def strict(urls: tuple[str, str]) -> Iterator[Flask]:
    """Return one whose replica must not be more than a second behind."""
    yield from prepared(make_app(urls[0], replica_url=urls[1], replica_most_behind_s=1))


def prepared(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        wait_for_replica(SOON_S)
    yield app
    set_replay(app, "resume")
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def set_replay(app: Flask, what: str) -> None:
    """Let the replica stand still (`pause`), or go on (`resume`)."""
    with app.app_context(), db.engines[REPLICA].connect() as connection:
        connection.execute(text(f"SELECT pg_wal_replay_{what}()"))
        wanted = "paused" if what == "pause" else "not paused"
        asked = text("SELECT pg_get_wal_replay_pause_state()")
        wait_until(lambda: connection.execute(asked).scalar_one() == wanted)


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def make_reader(app: Flask, name: str, role: Role = Role.VIEWER) -> FlaskClient:
    """Return a script of a new user, which has read from the replica by now."""
    with app.app_context():
        add_account(name, role, "battery of correct horses")
        user = find_user_named(name)
        assert user is not None
        scope = Scope.ADMIN if role == Role.ADMIN else Scope.READ
        token = make_token(user, name, expires_at=None, scope=scope)
        wait_for_replica(SOON_S)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    wait_until(lambda: n_reads_of(app, "replica", lambda: n_runs(client)) > 0)
    return client


def push_run() -> str:
    """Write a run, as a request does."""
    add_run(current_app._get_current_object(), "pushed")  # type: ignore[attr-defined]
    return "added"


def add_run(app: Flask, name: str) -> None:
    """Write a run of a new source."""
    write(app, [make_run(name)], source_id=make_source(app, name))


def n_runs(client: FlaskClient) -> int:
    """Return how many runs a script sees."""
    response = client.get("/osm/api/runs")
    assert response.status_code == 200, response.text
    return int(response.json["pagination"]["total"])


def n_reads_of(app: Flask, database: str, read: Callable[[], object]) -> float:
    """Return how many requests of a block read from a database."""
    registry = app.extensions["stepboard-metrics"].registry
    asked = ("stepboard_replica_choices_total", {"database": database})
    before = registry.get_sample_value(*asked) or 0
    read()
    return float((registry.get_sample_value(*asked) or 0) - before)


def test_lists_are_read_from_the_replica_and_who_writes_sees_what_was_written(app: Flask) -> None:
    reader, writer = make_reader(app, "reader"), make_reader(app, "writer", Role.ADMIN)
    before = n_runs(reader)
    set_replay(app, "pause")
    add_run(app, "by somebody else")
    assert (n_runs(reader), n_runs(writer)) == (before, before)
    assert writer.post("/osm/api/runs").text == "added"
    assert (n_runs(reader), n_runs(writer)) == (before, before + 2)
    set_replay(app, "resume")
    with app.app_context():
        wait_for_replica(SOON_S)
    assert (n_runs(reader), n_runs(writer)) == (before + 2, before + 2)
    assert n_reads_of(app, "replica", lambda: n_runs(writer)) == 1


def test_what_was_read_from_the_replica_is_not_told_to_be_newer_than_it_is(app: Flask) -> None:
    """The version stands beside who asks, on the primary; the rows may be older."""
    add_run(app, "from before")
    reader = make_reader(app, "poller")
    before = reader.get("/osm/api/runs?limit=1")
    set_replay(app, "pause")
    add_run(app, "while it lags")
    lagging = reader.get("/osm/api/runs?limit=1")
    assert lagging.get_json() == before.get_json()
    assert lagging.headers["ETag"] == before.headers["ETag"]
    set_replay(app, "resume")
    with app.app_context():
        wait_for_replica(SOON_S)
    asked = {"If-None-Match": lagging.headers["ETag"]}
    assert reader.get("/osm/api/runs?limit=1", headers=asked).status_code == 200


def test_a_position_from_another_cluster_counts_for_nothing(app: Flask) -> None:
    reader = make_reader(app, "mover")
    with app.app_context():
        user = find_user_named("mover")
        assert user is not None
        user.written_to = 2**60
        db.session.commit()
    assert n_reads_of(app, "replica", lambda: n_runs(reader)) == 1


def test_what_is_revoked_or_added_counts_at_once(app: Flask) -> None:
    reader, admin = make_reader(app, "leaver"), make_reader(app, "chief", Role.ADMIN)
    set_replay(app, "pause")
    with app.app_context():
        add_account("newcomer", Role.VIEWER, "battery of correct horses")
        revoke_token(find_tokens(username="leaver")[0].id)
    assert reader.get("/osm/api/runs").status_code == 401
    assert n_reads_of(app, "replica", lambda: shows(admin, "/users", "newcomer")) == 1
    assert shows(admin, "/osm/api/audit-events?action=token-revoked", "leaver")


def shows(client: FlaskClient, path: str, what: str) -> bool:
    response = client.get(path)
    assert response.status_code == 200, response.text
    assert what in response.text
    return True


def test_a_replica_that_is_too_far_behind_is_passed_by(
    strict: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    reader = make_reader(strict, "patient")
    before = n_runs(reader)
    set_replay(strict, "pause")
    add_run(strict, "behind")
    with caplog.at_level(logging.WARNING, "webapp.replica"):
        wait_until(lambda: n_runs(reader) == before + 1)
        wait_until(lambda: n_runs(reader) > before and bool(said_by_replica(caplog)))
    said = "the replica is passed by, reads go to the primary: it is more than 1 s behind"
    assert said_by_replica(caplog) == [said]


def test_without_its_replica_all_is_read_from_the_primary_and_later_it_is_back(
    app: Flask,
    urls: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webapp.replica.RETRY_S", 0.3)
    reader = make_reader(app, "steady")
    before = n_runs(reader)
    folder = Path(parse_qs(urls[1].partition("?")[2])["host"][0])
    stop_cluster(folder)
    add_run(app, "without")
    with caplog.at_level(logging.WARNING, "webapp.replica"):
        assert [n_runs(reader) for _ in range(3)] == [before + 1] * 3
        start_cluster(folder)
        wait_until(lambda: n_reads_of(app, "replica", lambda: n_runs(reader)) == 1)
    # On a slow machine it may be tried, and passed by, more than once.
    said = said_by_replica(caplog)
    passed_by, again = said[::2], said[1::2]
    assert len(passed_by) == len(again) > 0
    assert all(
        one.startswith("the replica is passed by, reads go to the primary: ") for one in passed_by
    )
    assert set(again) == {"the replica is read from again"}


def said_by_replica(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "webapp.replica"]


def test_the_doctor_and_imports_say_how_far_behind_it_is(
    strict: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "ms behind" in examine(strict)
    set_replay(strict, "pause")
    add_run(strict, "ill")
    found = examine(strict)
    assert found.startswith("to do")
    assert "it lacks" in found and "bytes of changes, after 1 s still" in found
    with strict.app_context():
        await_replica()
    assert capsys.readouterr().err.startswith("The replica does not have it yet: it lacks ")


def test_a_database_that_is_no_replica_is_never_read(urls: tuple[str, str]) -> None:
    other = urls[0].replace("/many?", "/postgres?")
    app = make_app(urls[0], replica_url=other)
    assert "it takes writes itself, so it is no replica" in examine(app)


def examine(app: Flask) -> str:
    """Return the line of the doctor on the replica."""
    lines = app.test_cli_runner().invoke(args=["doctor"]).stdout.splitlines()
    (line,) = (line for line in lines if line.split()[-1] and " replica  " in line)
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    return line


def test_only_a_statement_about_nothing_but_what_ran_may_be_old() -> None:
    joined = select(Step.id).join(Run, Run.id == Step.run_id).limit(3).subquery()
    assert names_only_replicated(select(func.count()).select_from(joined))
    assert names_only_replicated(select(func.sum(StepCount.n)))
    assert not names_only_replicated(select(Token))
    assert not names_only_replicated(select(func.count()).select_from(User))
    assert not names_only_replicated(select(Step.id).where(select(User.id).exists()))
    assert not names_only_replicated(text("SELECT 1"))
