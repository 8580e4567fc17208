"""Fixtures of the faults: how long they last, a server as its users run it, and its answers."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from tests.conftest import make_app, migrate_database
from webapp.accounts import make_token
from webapp.config import PROJECT
from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base
from webapp.ingest.sample import unpacked_sample
from webapp.queries.users import find_user_named

from .load import fetch

START_S = 60.0
PATHS = (
    "/osm/api/step-results",
    "/osm/api/step-results?status=failed&limit=50",
    "/osm/api/step-results?limit=10000",
    "/osm/api/runs?sort=id",
    "/osm/api/runs/6/steps",
)


class Server(NamedTuple):
    """A running server: its address, the process that was started, and what a token sends."""

    url: str
    pid: int
    headers: dict[str, str]

    def worker_pids(self) -> list[int]:
        """Return its workers: the children that serve."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if "resource_tracker" not in _command_of(pid)]

    def serving_pids(self) -> list[int]:
        """Return the workers that have begun to serve, which takes threads."""
        return [pid for pid in self.worker_pids() if len(os.listdir(f"/proc/{pid}/task")) > 1]

    def expected(self) -> dict[str, bytes]:
        """Return right answers, by path."""
        return {path: fetch(self.url, path, self.headers) for path in PATHS}

    def memory_mb(self) -> float:
        """Return the memory that its workers hold, each the resident set."""
        return max(_resident_mb(pid) for pid in self.worker_pids())


def _command_of(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _resident_mb(pid: int) -> float:
    (line,) = (
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line
    )
    return int(line.split()[1]) / 1024


Serve = Callable[..., "contextmanager[Server]"]


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Tell whether the long versions are wanted: `make chaos`."""
    return bool(request.config.getoption("--chaos"))


@pytest.fixture(scope="session")
def sample() -> Iterator[Path]:
    """Return the real base's folder; not to be changed."""
    with unpacked_sample() as folder:
        yield folder


@pytest.fixture
def full_app(app: Flask, sample: Path) -> Flask:
    """Return an application over the real base."""
    with app.app_context():
        import_base(sample / "base")
        db.engine.dispose()
    return app


@contextmanager
def served(app: Flask, *options: str, **env: str) -> Iterator[Server]:
    """Serve the database of an application by app.py, as its users do; stop it by SIGTERM."""
    token = _make_token(app)
    with tempfile.TemporaryDirectory() as instance, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        listener.close()
        process = subprocess.Popen(
            [sys.executable, str(PROJECT / "app.py"), "--port", str(port), *options],
            env={
                **os.environ,
                "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
                "SECRET_KEY": secrets.token_hex(32),
                "STEPBOARD_INSTANCE": instance,
                **env,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url)
            yield Server(url, process.pid, {"Authorization": f"Bearer {token}"})
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(40)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _make_token(app: Flask) -> str:
    with app.app_context():
        user = find_user_named("admin")
        assert user
        token = make_token(user, f"load {secrets.token_hex(4)}", expires_at=None)
        db.engine.dispose()
    return token


def wait_until_ready(url: str) -> None:
    """Return once a server answers that its database does too."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_S
    while True:
        try:
            opener.open(f"{url}/health/ready", timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < end, f"{url} does not answer"
            time.sleep(0.05)


@contextmanager
def fresh_app(sqlite_template: Path, folder: Path) -> Iterator[Flask]:
    """Yield an application over a new SQLite file in a folder."""
    shutil.copy(sqlite_template, folder / "stepboard.sqlite")
    with opened_app(folder) as app:
        yield app


@contextmanager
def opened_app(folder: Path) -> Iterator[Flask]:
    """Yield an application over the SQLite file of a folder."""
    app = make_app(f"sqlite:///{folder / 'stepboard.sqlite'}")
    yield app
    with app.app_context():
        db.engine.dispose()


@contextmanager
def fresh_database(parameters: str, name: str = "stepboard") -> Iterator[Flask]:
    """Yield an application over a new database of a PostgreSQL cluster."""
    admin = create_engine(f"postgresql+psycopg:///postgres?{parameters}")
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    url = f"postgresql+psycopg:///{name}?{parameters}"
    migrate_database(url)
    app = make_app(url)
    yield app
    with app.app_context():
        db.engine.dispose()
