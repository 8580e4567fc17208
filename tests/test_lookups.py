"""What a source has here is found by its keys, whatever the database knows of the source."""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import text

from webapp.extensions import db
from webapp.ingest.bulk import KEYS_PER_QUERY
from webapp.ingest.lookups import find_by_keys, has_rows
from webapp.models import Step, table_of

from .conftest import make_app
from .data import make_run, make_source, make_step, write
from .shared import make_shared_database
from .statements import explain_statements

STEPS = 2_000
# The first source is old, the second as large and behind it, the third not in the statistics yet.
SOURCES = (1, 2, 3)
COLUMNS = tuple(table_of(Step).c[name] for name in ("id", "source_key", "position"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """Return an application over three sources, of which PostgreSQL's statistics know two."""
    app = make_app(make_shared_database(request, tmp_path_factory.mktemp("keys"), "test_lookups"))
    with app.app_context():
        is_postgresql = db.engine.dialect.name == "postgresql"
    for source_id in SOURCES:
        assert make_source(app, f"source {source_id}") == source_id
        if source_id == SOURCES[-1] and is_postgresql:
            with app.app_context(), db.engine.connect() as connection:
                # Not by itself, in the middle of a test.
                connection.execute(text("ALTER TABLE steps SET (autovacuum_enabled = off)"))
                connection.execute(text("ANALYZE steps"))
                connection.commit()
        run = make_run(wanted_id=source_id, run_uuid=f"uuid-{source_id}")
        steps = (make_step(source_id, n, source_key=f"key-{n}") for n in range(1, STEPS + 1))
        write(app, [run], steps, source_id=source_id)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("source_id", SOURCES)
def test_rows_are_found_by_their_keys(app: Flask, source_id: int) -> None:
    wanted = range(STEPS - KEYS_PER_QUERY - 2, STEPS + 1)
    keys = [f"key-{n}" for n in wanted]
    with app.app_context(), db.engine.connect() as connection:
        rows = list(find_by_keys(connection, COLUMNS, source_id, ["none", *keys, "x'); --"]))
        assert list(find_by_keys(connection, COLUMNS, source_id, [])) == []
        assert list(find_by_keys(connection, COLUMNS, 99, keys)) == []
    found = {row.source_key: (row.id, row.position) for row in rows}
    first_id = STEPS * (source_id - 1)
    assert found == {f"key-{n}": (first_id + n, n) for n in wanted}
    assert len(rows) == len(keys)


@pytest.mark.parametrize("source_id", [*SOURCES, 99])
def test_each_key_is_looked_up_by_itself(app: Flask, source_id: int) -> None:
    """PostgreSQL read all rows of a source for every 500 keys: 3,400 steps a second for 19,000."""
    plan = "\n".join(explain_statements(app, partial(_find, source_id)))
    assert re.search(r"(Index Cond: |USING INDEX ).*source_id ?=.* AND .*source_key ?=", plan), plan


def _find(source_id: int) -> None:
    keys = [f"key-{n}" for n in range(KEYS_PER_QUERY)]
    list(find_by_keys(db.session.connection(), COLUMNS, source_id, keys))


@pytest.mark.parametrize("source_id", [*SOURCES, 99])
def test_the_first_row_of_a_source_is_not_walked_to(app: Flask, source_id: int) -> None:
    """PostgreSQL takes a source for evenly spread: it read all of the one before."""

    def look() -> None:
        connection = db.session.connection()
        assert has_rows(connection, table_of(Step), source_id) == (source_id in SOURCES)

    plan = "\n".join(explain_statements(app, look))
    assert "uq_steps_source_id_source_key" in plan or "(source_id=?)" in plan, plan
    assert "Seq Scan" not in plan
