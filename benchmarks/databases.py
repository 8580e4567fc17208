"""Keep a database with so many steps for the benchmarks, made through the product's own writer."""

import os
import secrets
import time
from pathlib import Path

from flask import Flask
from sqlalchemy import delete, make_url, select

from webapp import create_app
from webapp.accounts import make_token
from webapp.config import PROJECT, Settings, read_database_url
from webapp.database import upgrade_database
from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.models import Role, Scope, Token, User
from webapp.queries.counts import count_by_kept_counts

from .data import fill
from .measures import Measure, at_least

# Made anew when older, so that the last day has rows; more rows than this are kept.
FRESH_S = 6 * 3600
REMADE_ROWS = 1_000_000
N_TOKENS = 50


def make_app(url: str) -> Flask:
    """Return an application over a database."""
    return create_app(
        Settings(secret_key=secrets.token_hex(32), database_url=url, log_level="warning")
    )


def database_url(rows: int) -> str:
    """Return where so many rows are: a file of ours, or `_100000` beside DATABASE_URL."""
    given = os.environ.get("DATABASE_URL")
    if given:
        url = make_url(read_database_url("DATABASE_URL", given))
        return url.set(database=f"{url.database}_{rows}").render_as_string(hide_password=False)
    return f"sqlite:///{_file(rows)}"


def make_filled(rows: int) -> tuple[str, list[Measure]]:
    """Return the URL of a database with so many steps, made once and kept; how fast it was made."""
    path = _file(rows)
    path.parent.mkdir(exist_ok=True)
    url = database_url(rows)
    is_old = path.exists() and time.time() - path.stat().st_mtime > FRESH_S
    if url.startswith("sqlite") and is_old and rows <= REMADE_ROWS:
        _remove(path)
    app = make_app(url)
    with app.app_context():
        upgrade_database()
        n = count_by_kept_counts(StepFilters())
        if n not in (0, rows):
            raise SystemExit(f"{url} holds {n:,} steps, not {rows:,}; delete it first.")
        if n == 0:
            _make_user()
            rate = rows / fill(app, rows)
            _analyze()
        db.engine.dispose()
    return url, [] if n else [at_least("bulk ingest", 50_000, rate, "steps/s")]


def make_access(url: str) -> dict[str, str]:
    """Return the header that a token of the benchmark's user sends; it has N_TOKENS."""
    app = make_app(url)
    with app.app_context():
        user = db.session.execute(select(User)).scalars().first()
        assert user is not None
        # As many each time: their page is measured too.
        db.session.execute(delete(Token))
        db.session.commit()
        for number in range(N_TOKENS):
            token = make_token(user, f"bench {number}", expires_at=None, scope=Scope.ADMIN)
        db.engine.dispose()
    return {"Authorization": f"Bearer {token}"}


def _make_user() -> None:
    db.session.add(User(username="bench", password_hash="none", role=Role.ADMIN))
    db.session.commit()


def _analyze() -> None:
    # PostgreSQL does so by itself, within a minute.
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # That of requests is too short for ten million rows.
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM ANALYZE")


def _file(rows: int) -> Path:
    return PROJECT / "instance" / f"bench-{rows}.sqlite"


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
