"""Fixtures that all tests share; every test that takes `app` runs on both database engines."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from webapp import create_app
from webapp.accounts import make_token
from webapp.config import Settings
from webapp.database import engine_options, upgrade_database
from webapp.extensions import db
from webapp.logins import begin_session
from webapp.models import Role, Scope, User

from .cheap import CHEAP, hash_cheaply
from .compiled import COMPILED, STATEMENTS
from .fresh import TEMPLATE, FreshDatabases
from .memory import share_bytecode, use_memory
from .order import put_longest_first
from .postgres import throwaway_cluster

SECRET_KEY = "only-for-tests-" + "x" * 32
PASSWORD = "correct horse battery"
PASSWORD_HASH = CHEAP.hash(PASSWORD)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the long runs."""
    parser.addoption("--chaos", action="store_true", help="make faults happen at length")


def pytest_configure(config: pytest.Config) -> None:
    """Choose where temporary files are, before the first one is made; make hashes cheap."""
    use_memory()
    hash_cheaply()
    config.add_cleanup(share_bytecode())


def make_app(database_url: str, **changes: Any) -> Flask:
    """Make an application over a database, with some settings changed."""
    settings = Settings(secret_key=SECRET_KEY, database_url=database_url, **changes)
    options = {**engine_options(settings), "execution_options": {"compiled_cache": STATEMENTS}}
    app = create_app(
        settings, TESTING=True, WTF_CSRF_ENABLED=False, SQLALCHEMY_ENGINE_OPTIONS=options
    )
    app.jinja_env.bytecode_cache = COMPILED
    return app


def migrate_database(database_url: str) -> None:
    """Make the tables and a user named admin."""
    app = make_app(database_url)
    with app.app_context():
        upgrade_database()
        db.session.add(User(username="admin", password_hash=PASSWORD_HASH, role=Role.ADMIN))
        db.session.commit()
        db.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "stepboard.sqlite"
    migrate_database(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Run a PostgreSQL for the session; yield the parameters to connect with."""
    with throwaway_cluster() as parameters:
        admin = create_engine(f"postgresql+psycopg:///postgres?{parameters}")
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
        admin.dispose()
        migrate_database(f"postgresql+psycopg:///{TEMPLATE}?{parameters}")
        yield parameters


@pytest.fixture(scope="session")
def fresh_databases(postgresql_server: str) -> Iterator[FreshDatabases]:
    """Return what makes the PostgreSQL database of each test."""
    fresh = FreshDatabases(postgresql_server, PASSWORD_HASH)
    yield fresh
    fresh.end()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a fresh database with the tables and a user named admin."""
    if request.param == "sqlite":
        path = tmp_path / "stepboard.sqlite"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    fresh: FreshDatabases = request.getfixturevalue("fresh_databases")
    return fresh.make()


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    """Return an application over a fresh database; no application context is held open."""
    app = make_app(database_url)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser that nobody has signed in with."""
    return app.test_client()


@pytest.fixture
def signed_in(client: FlaskClient) -> FlaskClient:
    """Return a browser in which admin has signed in; tests of the form send the form."""
    with client.application.test_request_context(environ_base=client.environ_base):
        begin_session(db.session.execute(db.select(User)).scalar_one())
        begun = dict(session)
    with client.session_transaction() as kept:
        kept.update(begun)
    return client


@pytest.fixture
def token(app: Flask) -> str:
    """Return a token of admin's that never expires and may do everything."""
    with app.app_context():
        user = db.session.execute(db.select(User)).scalar_one()
        return make_token(user, "tests", expires_at=None, scope=Scope.ADMIN)


@pytest.fixture
def api(app: Flask, token: str) -> FlaskClient:
    """Return a script's client, which sends a token with each request."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no worker begin a long file when the others are done."""
    put_longest_first(items)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what stays: else it walks it again in every test."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail where nothing may be skipped: in CI, a missing browser or database is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("")
        reporter.write_line("FAILED: tests were skipped, and CI is set.", red=True)
    return (yield)
