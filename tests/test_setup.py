"""The migrations make the tables of the models, on both engines; the sample is whole."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade
from sqlalchemy import create_engine, inspect, text

from webapp.database import (
    DatabaseVersionError,
    check_version,
    find_versions,
    prepare_database,
    upgrade_database,
)
from webapp.extensions import db
from webapp.ingest.sample import unpacked_sample
from webapp.models import User

from .conftest import make_app


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


def test_the_migrations_make_exactly_the_models(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade_database()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, db.metadata) == []


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


def test_the_sample_is_whole_and_gone_after_use() -> None:
    with unpacked_sample() as folder:
        assert (folder / "base" / "database-osm.sqlite-wal").is_file()
        assert (folder / "workspaces-osmedeus" / "client one").is_dir()
        assert len(orjson.loads((folder / "truth.json").read_bytes())) == 31
    assert not folder.exists()
