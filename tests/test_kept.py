"""What was counted is kept until the history changes, and no longer."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.models import StepStatus
from webapp.queries.facets import find_step_facets
from webapp.queries.state import find_state, find_version, keep_state, keep_version
from webapp.transactions import begin_snapshot

from .data import make_run, make_step, write
from .statements import collected_statements, without_versions

PAGES = ("/", "/steps?step_name=step", "/steps?started=24h&status=failed", "/runs?ended=7d")


def total_of(client: FlaskClient, path: str) -> str:
    found = re.search(r'id="total"[^>]*>.*?<b>([^<]*)</b>', client.get(path).text)
    assert found
    return found[1]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asked_for_again_asks_the_database_less(
    app: Flask, signed_in: FlaskClient, path: str
) -> None:
    run_id = write(app, [make_run()])["run-1"]
    write(app, [], [make_step(run_id, n, status=StepStatus.FAILED) for n in range(3)], source_id=1)
    with collected_statements(app) as first:
        before = signed_in.get(path)
    with collected_statements(app) as second:
        after = signed_in.get(path)
    assert before.status_code == after.status_code == 200
    assert len(second) < len(first)


def test_what_is_written_is_counted_at_once(app: Flask, signed_in: FlaskClient) -> None:
    run_id = write(app, [make_run()])["run-1"]
    for n in range(1, 4):
        write(app, [], [make_step(run_id, n)], source_id=1)
        for path in ("/steps", "/steps?step_name=step", "/steps?min_duration_ms=0"):
            assert total_of(signed_in, path) == str(n)
        assert total_of(signed_in, "/steps?status=failed") == "0"


def test_a_changed_status_is_counted_at_once(app: Flask, signed_in: FlaskClient) -> None:
    run_id = write(app, [make_run()])["run-1"]
    write(app, [], [make_step(run_id, 1, status=StepStatus.RUNNING)], source_id=1)
    assert total_of(signed_in, "/steps?status=failed&min_duration_ms=0") == "0"
    write(app, [], [make_step(run_id, 1, status=StepStatus.FAILED)], source_id=1)
    assert total_of(signed_in, "/steps?status=failed&min_duration_ms=0") == "1"


def test_a_session_keeps_nothing_unless_it_is_told_to(app: Flask) -> None:
    run_id = write(app, [make_run()])["run-1"]
    write(app, [], [make_step(run_id, 1)], source_id=1)
    with app.app_context(), collected_statements(app) as statements:
        for _ in range(2):
            find_step_facets(StepFilters())
        n_of_two = len(without_versions(statements))
        keep_state()
        for _ in range(3):
            find_step_facets(StepFilters())
    # One of the state, and those of the facets once.
    assert len(without_versions(statements)) - n_of_two == n_of_two / 2 + 1


def test_a_range_before_now_begins_at_a_whole_minute() -> None:
    after, before = StepFilters(started="24h").started_range()
    assert after is not None and before is None
    assert (after.second, after.microsecond) == (0, 0)


def test_what_was_found_after_a_change_is_not_kept_for_those_before(app: Flask) -> None:
    """PostgreSQL shows each statement what is there by then; SQLite's session sees one moment."""
    run_id = write(app, [make_run()])["run-1"]
    with app.app_context():
        keep_state()
        before = find_state()
        write(app, [], [make_step(run_id, 1)], source_id=1)
        found = find_step_facets(StepFilters()).total.n
        assert found == (0 if db.engine.dialect.name == "sqlite" else 1)
    with app.app_context():
        # As a replica that lags behind: who sees the old version must not get what came later.
        keep_state()
        db.session.info.update(dict.fromkeys(db.session.info, before))
        with collected_statements(app) as statements:
            find_step_facets(StepFilters())
        # On SQLite what was found is of the old version.
        assert bool(statements) == (db.engine.dialect.name == "postgresql")


def test_a_snapshot_has_a_version_of_its_own(app: Flask) -> None:
    run_id = write(app, [make_run()])["run-1"]
    with app.app_context():
        keep_version()
        before = find_version()
        assert find_step_facets(StepFilters()).total.n == 0
        db.session.rollback()
        write(app, [], [make_step(run_id, 1)], source_id=1)
        begin_snapshot()
        if db.engine.dialect.name == "postgresql":
            assert find_version() != before
            assert find_step_facets(StepFilters()).total.n == 1
