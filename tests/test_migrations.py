"""The migrations make the tables of the models, on both engines, and keep what is there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import (
    Connection,
    MetaData,
    String,
    Table,
    create_engine,
    create_mock_engine,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateIndex

from webapp.columns import UtcDateTime
from webapp.config import PROJECT
from webapp.database import (
    DatabaseVersionError,
    check_version,
    find_versions,
    is_compared,
    prepare_database,
    upgrade_database,
)
from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.models import TOTAL_BLOCK, BlockCount, Run, StepName, Token, User
from webapp.queries.steps import LIST_COLUMNS, find_steps

from .conftest import make_app
from .data import find_differences
from .statements import collected_statements

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """Return an application over a database without any table."""
    url = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    if request.param == "postgresql":
        parameters = request.getfixturevalue("postgresql_server")
        admin = create_engine(f"postgresql+psycopg:///postgres?{parameters}")
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("DROP DATABASE IF EXISTS test_empty WITH (FORCE)"))
            connection.execute(text("CREATE DATABASE test_empty"))
        admin.dispose()
        url = f"postgresql+psycopg:///test_empty?{parameters}"
    app = make_app(url)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_exactly_the_models(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade_database()
        with db.engine.connect() as connection:
            options = {"compare_type": True, "include_object": is_compared}
            context = MigrationContext.configure(connection, opts=options)
            assert compare_metadata(context, db.metadata) == []
            assert _find_indexes(connection) == _wanted_indexes(connection.dialect.name)
            # Of PostgreSQL's the comparison passes over these.
            keys = {key["name"] for key in inspect(connection).get_foreign_keys("steps")}
            is_sqlite = connection.dialect.name == "sqlite"
            assert keys == (
                {"fk_steps_run_id_runs", "fk_steps_source_id_sources"} if is_sqlite else set()
            )


def _find_indexes(connection: Connection) -> set[str | None]:
    """Return what makes each index of SQLite, which reads none of expressions back; else names."""
    if connection.dialect.name == "sqlite":
        texts = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        return set(connection.scalars(text(texts)))
    inspector = inspect(connection)
    tables = [name for name in inspector.get_table_names() if name in db.metadata.tables]
    indexes = [index for name in tables for index in inspector.get_indexes(name)]
    return {index["name"] for index in indexes if not index.get("duplicates_constraint")}


def _wanted_indexes(engine: str) -> set[str | None]:
    """Return the same of those that the models would make on an engine."""
    made: list[CreateIndex] = []

    def make(ddl: Any, *_: object) -> None:
        if isinstance(ddl, CreateIndex):
            made.append(ddl)

    mock = create_mock_engine(f"{engine}://", make)
    db.metadata.create_all(mock, checkfirst=False)
    is_sqlite = engine == "sqlite"
    return {str(one.compile(mock)) if is_sqlite else one.element.name for one in made}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_order_by_start_and_by_end_is_that_of_an_index(app: Flask) -> None:
    """As on SQLite, what never began, or ended, stands before all that did."""
    with app.app_context():
        db.session.execute(text("SET enable_seqscan = off"))
        db.session.execute(text("SET enable_sort = off"))
        for order in ("DESC NULLS LAST, id DESC", "ASC NULLS FIRST, id"):
            query = f"EXPLAIN SELECT id FROM steps ORDER BY started_at {order} LIMIT 20"
            plan = "\n".join(db.session.scalars(text(query)))
            assert "ix_steps_started_at" in plan and "Sort" not in plan, plan
        failed = "SELECT id FROM steps WHERE status = 'failed'"
        query = f"EXPLAIN {failed} ORDER BY completed_at DESC NULLS LAST, id DESC LIMIT 20"
        plan = "\n".join(db.session.scalars(text(query)))
        assert "ix_steps_status_completed_at" in plan and "Sort" not in plan, plan


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_query_timeout_ends_a_migration(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="0001")
        with collected_statements(app) as statements:
            upgrade()
        ended = statements.index("SET LOCAL statement_timeout = 0")
        assert any("INSERT INTO step_names" in later for later in statements[ended:])
        assert db.session.scalar(text("SHOW statement_timeout")) == "15s"


def test_the_migrations_can_be_undone(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade_database()
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
        upgrade_database()
        check_version()


def test_an_empty_database_is_made_ready_and_a_ready_one_left_alone(empty_app: Flask) -> None:
    with empty_app.app_context():
        prepare_database()
        db.session.add(User(username="eve", password_hash="x"))
        db.session.commit()
        prepare_database()
        assert db.session.query(User).count() == 1


def test_an_empty_database_is_said_to_need_an_upgrade(empty_app: Flask) -> None:
    with empty_app.app_context():
        _, needed = find_versions()
        with pytest.raises(DatabaseVersionError) as caught:
            check_version()
    assert str(caught.value) == (
        f"The database is at revision none, this version needs {needed}: "
        "run 'flask db upgrade' (after a backup)."
    )


def test_a_database_of_a_newer_version_is_said_to_need_that_version(app: Flask) -> None:
    with app.app_context():
        db.session.execute(text("UPDATE alembic_version SET version_num = 'of-2031'"))
        db.session.commit()
        with pytest.raises(DatabaseVersionError, match="a newer version made it"):
            check_version()
        with pytest.raises(DatabaseVersionError, match="of-2031"):
            prepare_database()


def test_an_upgrade_from_the_first_revision_keeps_and_fills(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade(revision="0001")
        _write_rows()
        upgrade()
        durations = db.session.scalars(select(Run.duration_ms).order_by(Run.id)).all()
        assert durations == [90_500, None, None]
        assert set(db.session.scalars(select(StepName.name))) == {"scan-ports", "find-hosts"}
        assert [user.is_admin for user in db.session.scalars(select(User))] == [True]
        assert db.session.scalars(select(Token.last_used_at)).all() == [None]
        found = find_steps(StepFilters(step_name="scan", sort="-started_at"), LIST_COLUMNS)
        assert [row.id for row in found] == [3, 1]
        assert all("part" not in one.table.c for one in find_differences())


EARLIER = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")


def test_the_earlier_revisions_are_these(empty_app: Flask) -> None:
    with empty_app.app_context():
        _, needed = find_versions()
        known = ScriptDirectory(str(PROJECT / "migrations")).walk_revisions()
        assert {one.revision for one in known} == {*EARLIER, needed}


@pytest.mark.filterwarnings("ignore:.*expression-based index")
@pytest.mark.parametrize("revision", EARLIER)
def test_an_upgrade_keeps_every_row_of_every_table(empty_app: Flask, revision: str) -> None:
    with empty_app.app_context():
        upgrade(revision=revision)
        tables = MetaData()
        tables.reflect(db.engine)
        for table in tables.sorted_tables:
            if table.name != "alembic_version":
                _insert(
                    table.name,
                    **{
                        column.name: 1
                        for column in table.primary_key.columns
                        if not isinstance(column.type, String)
                    },
                    **{key.parent.name: 1 for key in table.foreign_keys},
                )
        db.session.commit()
        before = _read(tables)
        db.engine.dispose()
        upgrade()
        check_version()
        assert _read(tables) == before
        assert all(len(rows) == 1 for rows in before.values())


def test_an_upgrade_sums_the_counts_of_blocks_up_by_groups(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade(revision="0004")
        for block, status, n in ((-1, "failed", 10), (0, "failed", 1), (63, "failed", 2)):
            _insert("block_counts", block=block, status=status, step_type="bash", n=n)
        for block, status, n in ((63, "running", 3), (64, "failed", 4), (199, "failed", 0)):
            _insert("block_counts", block=block, status=status, step_type="bash", n=n)
        db.session.commit()
        upgrade()
        groups = select(BlockCount.block, BlockCount.status, BlockCount.n).where(
            BlockCount.block < TOTAL_BLOCK
        )
        assert {tuple(row) for row in db.session.execute(groups)} == {
            (-2, "failed", 3),
            (-2, "running", 3),
            (-3, "failed", 4),
            (-5, "failed", 0),
        }
        db.session.rollback()
        downgrade(revision="0004")
        assert db.session.scalar(select(func.count()).select_from(BlockCount)) == 6


def _read(tables: MetaData) -> dict[str, list[Any]]:
    """Return the rows of the tables in the columns that they had, without sums that are newer."""
    found = {
        table.name: [
            tuple(row)
            for row in db.session.execute(select(table))
            if "block" not in table.c or row.block >= TOTAL_BLOCK
        ]
        for table in tables.sorted_tables
        if table.name != "alembic_version"
    }
    db.session.rollback()
    return found


def _write_rows() -> None:
    """Write what the first revision could hold, column by column as the tables stand."""
    _insert("sources", id=1, name="base", kind="osmedeus", path="/base")
    _insert("users", id=1, username="eve", password_hash="x", is_active=True)
    _insert("tokens", id=1, user_id=1, name="cron", token_hash="0" * 64)
    took = timedelta(seconds=90, milliseconds=500)
    for run_id, started_at, completed_at in (
        (1, START, START + took),
        (2, START, None),
        (3, None, START),
    ):
        times = {"started_at": started_at, "completed_at": completed_at}
        _insert("runs", id=run_id, source_id=1, source_key=str(run_id), **times)
    for step_id, name in ((1, "scan-ports"), (2, "find-hosts"), (3, "scan-ports")):
        started_at = START + timedelta(seconds=step_id)
        key = str(step_id)
        _insert(
            "steps",
            id=step_id,
            run_id=1,
            source_id=1,
            source_key=key,
            step_name=name,
            started_at=started_at,
        )
    db.session.commit()


def _insert(table_name: str, **values: Any) -> None:
    table = Table(table_name, MetaData(), autoload_with=db.session.connection())
    for column in table.columns:
        if column.name.endswith("_at"):
            column.type = UtcDateTime()
        if column.name not in values and not column.nullable:
            values[column.name] = _filler(column.type, column.name)
    db.session.execute(insert(table).values(values))


def _filler(kind: Any, name: str) -> Any:
    if isinstance(kind, UtcDateTime):
        return START
    return "" if issubclass(kind.python_type, str) else 0
