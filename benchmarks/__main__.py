"""Run the benchmarks and print one table: what, budget, measured, ratio, pass or not."""

import argparse
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from flask import Flask
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from webapp import create_app
from webapp.accounts import make_token
from webapp.config import PROJECT, Settings
from webapp.database import upgrade_database
from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Role, Scope, User
from webapp.queries.counts import count_by_kept_counts

from .data import STEPS_PER_RUN, fill, make_osmedeus_base

ROUNDS = 5
IMPORTED_ROWS = 100_000
FILTERS = {
    "workspace": ("", "workspace=host7.example.com"),
    "status": ("", "status=completed", "status=failed", "status=running"),
    "step_type": ("", "step_type=bash", "step_type=llm"),
    "run_id": ("", "run_id=7"),
}
PAGES = (
    "/",
    "/steps",
    "/steps?status=failed",
    "/steps?step_name=step-7",
    "/steps?started=24h",
    "/steps?started=24h&status=failed",
    "/steps?status=failed&ended=24h",
    "/steps?ended=24h",
    "/steps?started=24h&min_duration_ms=2000&workflow_name=workflow-7",
    "/steps?min_duration_ms=2900",
    "/steps?workflow_name=workflow-7&status=failed",
    "/steps?sort=-duration_ms",
    "/steps?sort=step_name&recovered=no",
    "/runs",
    "/runs?sort=-duration_ms",
    "/runs?started=24h&status=failed",
    "/runs?status=failed&ended=24h",
    "/runs/7",
    "/runs/7/compare",
    "/run-groups/group-7",
    "/steps/77",
    "/tokens",
    "/users",
    "/sources",
)
# Made anew when older, so that the last day has rows; more rows than this are kept.
FRESH_S = 6 * 3600
REMADE_ROWS = 1_000_000


class Measure(NamedTuple):
    """One line of the table; ratios above 1 are over budget."""

    what: str
    budget: str
    measured: str
    ratio: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="how many steps")
    rows = parser.parse_args().rows
    if rows < STEPS_PER_RUN * 100 or rows % STEPS_PER_RUN:
        parser.error(f"--rows must be a multiple of {STEPS_PER_RUN}, from {STEPS_PER_RUN * 100}")
    app, ingest = make_filled_app(rows)
    measures = [*ingest, *measure_pages(app, rows), measure_import()]
    table = Table("what", "budget", "measured", "ratio", "", title=f"{rows:,} steps")
    for one in measures:
        verdict = "ok" if one.ratio <= 1 else "OVER"
        table.add_row(one.what, one.budget, one.measured, f"{one.ratio:.2f}", verdict)
    Console().print(table)


def make_filled_app(rows: int) -> tuple[Flask, list[Measure]]:
    """Return an application over so many steps, made once and kept, and how fast it was made."""
    path = PROJECT / "instance" / f"bench-{rows}.sqlite"
    path.parent.mkdir(exist_ok=True)
    if rows <= REMADE_ROWS and path.exists() and time.time() - path.stat().st_mtime > FRESH_S:
        _remove(path)
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{path}"
    app = make_app(url)
    with app.app_context():
        upgrade_database()
        if count_by_kept_counts(StepFilters()) == rows:
            return app, []
        if db.session.execute(select(User)).first() is not None:
            raise SystemExit(f"{url} holds another number of steps; delete it first.")
        db.session.add(User(username="bench", password_hash="none", role=Role.ADMIN))
        db.session.commit()
    rate = rows / fill(app, rows)
    return app, [Measure("bulk ingest", "50,000 steps/s", f"{rate:,.0f} steps/s", 50_000 / rate)]


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def make_app(url: str) -> Flask:
    """Return an application over a database."""
    return create_app(
        Settings(secret_key=secrets.token_hex(32), database_url=url, log_level="warning")
    )


def measure_pages(app: Flask, rows: int) -> Iterator[Measure]:
    """Measure the server time of API and pages, through the whole application."""
    with app.app_context():
        user = db.session.execute(select(User)).scalars().first()
        assert user is not None
        token = make_token(user, "bench", expires_at=None, scope=Scope.ADMIN)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"

    def get(url: str) -> None:
        response = client.get(url)
        assert response.status_code == 200, f"{url}: {response.status}"

    queries = ["&".join(filter(None, parts)) for parts in product(*FILTERS.values())]
    offsets = (0, rows // 2, rows - 20)
    urls = [f"/osm/api/step-results?offset={o}&{q}" for q in queries for o in offsets]
    yield _within("API, a page of 20, any documented filters, p95", urls, get, 5)
    for page in PAGES:
        yield _within(f"page {page}, p95", [page] * 20, get, 15)


def measure_import() -> Measure:
    """Measure the import of a base of IMPORTED_ROWS rows."""
    with tempfile.TemporaryDirectory(prefix="stepboard-bench-") as folder:
        make_osmedeus_base(Path(folder), IMPORTED_ROWS)
        app = make_app(f"sqlite:///{folder}/import.sqlite")
        with app.app_context():
            upgrade_database()
            began = time.perf_counter()
            summary = import_base(Path(folder) / "base")
            rate = summary.steps.added / (time.perf_counter() - began)
            db.engine.dispose()
    assert summary.steps.added == IMPORTED_ROWS
    what = f"import of an Osmedeus base of {IMPORTED_ROWS:,} rows"
    return Measure(what, "20,000 steps/s", f"{rate:,.0f} steps/s", 20_000 / rate)


def _within(what: str, urls: list[str], get: Callable[[str], None], budget_ms: float) -> Measure:
    """Take the median of some rounds for each URL, and the 95th percentile over the URLs."""
    medians = []
    for url in urls:
        get(url)
        medians.append(statistics.median(_time_ms(get, url) for _ in range(ROUNDS)))
    p95 = statistics.quantiles(medians, n=20)[-1] if len(medians) > 1 else medians[0]
    return Measure(what, f"{budget_ms:g} ms", f"{p95:.2f} ms", p95 / budget_ms)


def _time_ms(get: Callable[[str], None], url: str) -> float:
    began = time.perf_counter()
    get(url)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
