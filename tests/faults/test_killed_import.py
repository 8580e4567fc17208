"""kill -9 of an import at any moment: import again, and everything is there once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text

from benchmarks.data import make_osmedeus_base
from tests.test_writer import kept, recount
from webapp.config import PROJECT
from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import (
    Artifact,
    AuditEvent,
    BlockCount,
    Run,
    Source,
    Step,
    StepCount,
    StepName,
    StepStatus,
)
from webapp.models import (
    Counter as LastId,
)

# Half of the moments are of the real base, half of one of so many rows.
SHORT_ROWS, LONG_ROWS = 6_000, 22_000
SHORT, LONG = 1, 50


@pytest.fixture(scope="module")
def large_base(tmp_path_factory: pytest.TempPathFactory, is_long: bool) -> Path:
    """Return a base of so many rows that most moments fall into its writing."""
    folder = tmp_path_factory.mktemp("large")
    make_osmedeus_base(folder, LONG_ROWS if is_long else SHORT_ROWS)
    return folder / "base"


def start(app: Flask, base: Path) -> "subprocess.Popen[str]":
    """Start an import that waits for a line."""
    env = {
        **os.environ,
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SECRET_KEY": app.config["SECRET_KEY"],
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.importer", str(base)],
        cwd=PROJECT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def time_whole(app: Flask, base: Path) -> float:
    """Return how many seconds the import takes when nobody kills it."""
    process = start(app, base)
    began = time.monotonic()
    go(process)
    process.communicate(timeout=120)
    assert process.returncode == 0
    return time.monotonic() - began


def kill_after(app: Flask, base: Path, seconds: float) -> bool:
    """Start an import, and kill it after so long; tell whether it was still at work then."""
    process = start(app, base)
    go(process)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def empty(app: Flask) -> None:
    """Take away all that imports write."""
    with app.app_context(), db.engine.execution_options(immediate=True).begin() as connection:
        for model in (AuditEvent, Artifact, Step, Run, Source, StepCount, BlockCount, LastId):
            connection.execute(delete(model))
        connection.execute(delete(StepName))


def check_whole(app: Flask) -> int:
    """Check that the database is intact and its counts are right; return the number of steps."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            assert db.session.scalar(text("PRAGMA integrity_check")) == "ok"
            assert db.session.execute(text("PRAGMA foreign_key_check")).all() == []
        n = db.session.scalar(select(func.count()).select_from(Step)) or 0
        n_of_runs = sum(getattr(Run, f"steps_{status}") for status in StepStatus)
        assert (db.session.scalar(select(func.sum(n_of_runs))) or 0) == n
        db.session.rollback()
    assert recount(app) == kept(app, True)
    return n


def check_truth(app: Flask, sample: Path) -> None:
    """Check that the real base's steps are exactly those that ran."""
    truth = json.loads((sample / "truth.json").read_text())
    with app.app_context():
        statement = select(Run.run_uuid, Step.step_name, Step.status).join(Run)
        ended = Step.status.in_(["completed", "failed"])
        found = Counter(tuple(row) for row in db.session.execute(statement.where(ended)))
    told = Counter(
        (uuid, step["name"], step["status"])
        for uuid, run in truth.items()
        for step in run["steps"]
        if step["status"] in ("completed", "failed")
    )
    assert found == told


@pytest.fixture
def moments(is_long: bool) -> Iterator[random.Random]:
    """Return what chooses the moments, differently each time; a failure tells the seed."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    yield random.Random(seed)


@pytest.mark.parametrize("which", ["real", "large"])
def test_an_import_killed_at_any_moment_can_be_run_again(
    app: Flask,
    sample: Path,
    large_base: Path,
    which: str,
    is_long: bool,
    moments: random.Random,
) -> None:
    base = sample / "base" if which == "real" else large_base
    longest_s = time_whole(app, base)
    n_whole = check_whole(app)
    seen: Counter[str] = Counter()
    while seen.total() < (LONG if is_long else SHORT):
        empty(app)
        # The machine is not always as fast; a moment after the end is none.
        is_killed = kill_after(app, base, moments.uniform(0, longest_s))
        longest_s *= 1.02 if is_killed else 0.8
        if not is_killed:
            continue
        n = check_whole(app)
        seen["before any step" if n == 0 else "between" if n < n_whole else "after all"] += 1
        with app.app_context():
            import_base(base)
        assert check_whole(app) == n_whole
        if which == "real":
            check_truth(app, sample)
    print(f"{app.config['SQLALCHEMY_DATABASE_URI'].split(':')[0]}, {which} base: {dict(seen)}")
