"""An import needs no more memory for a large base than for a small one."""

import gc
import sqlite3
import tracemalloc
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask

from benchmarks.data import STEPS_PER_RUN, make_osmedeus_base
from webapp.extensions import db
from webapp.ingest import batches
from webapp.ingest.osmedeus import matching
from webapp.ingest.osmedeus.importer import import_base

from . import logs

FIRST, SMALL, LARGE = 500, 2_000, 6_000
BATCH_ROWS = LINES_PER_PART = 500
# A row that is kept in memory takes some 700, and its line as many; a run takes 70 to 250 a row in
# such small ones.
MOST_BYTES_PER_ROW = 400
# What SQLAlchemy leaves of a batch lies about until its cycles are looked for: often, then.
SOON = (100, 2, 2)


def add_logs(folder: Path) -> None:
    """Write the logs that the engine would have written of a base that was made."""
    with closing(sqlite3.connect(folder / "base" / "database-osm.sqlite")) as connection:
        connection.execute("UPDATE runs SET params = json_object('target', target)")
        connection.commit()
        steps = "SELECT step_name, command, started_at, completed_at FROM step_results"
        for run_id, target, began in connection.execute("SELECT id, target, started_at FROM runs"):
            place = folder / "workspaces-osmedeus" / target
            place.mkdir(parents=True, exist_ok=True)
            lines = [logs.opening(seconds(began), target, STEPS_PER_RUN)]
            of_run = connection.execute(f"{steps} WHERE run_id = ? ORDER BY completed_at", [run_id])
            for name, command, first, last in of_run:
                took = seconds(last) - seconds(first)
                lines.append(logs.completed(seconds(last), name, took, command=command))
            with (place / "run-execution.log").open("ab") as file:
                file.writelines(lines)


def seconds(time: str) -> float:
    """Return when something was, as the writers of lines take it."""
    return (datetime.fromisoformat(time) - logs.START).total_seconds()


def peak_of(app: Flask, base: Path, name: str) -> int:
    """Import a base and return how many bytes that took at most."""
    with app.app_context():
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        summary = import_base(base, name=name)
        _, peak = tracemalloc.get_traced_memory()
        db.session.rollback()
    assert summary.rows == summary.total_steps
    assert summary.rows_in_logs_too == summary.log_steps
    return peak - before


@pytest.mark.parametrize("has_logs", [False, True])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_memory_of_an_import_does_not_grow_with_the_rows_and_the_lines(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_logs: bool
) -> None:
    # Both bases fill more of these than are in memory at once.
    monkeypatch.setattr(batches, "BATCH_ROWS", BATCH_ROWS)
    monkeypatch.setattr(matching, "LINES_PER_PART", LINES_PER_PART)
    for rows in (FIRST, SMALL, LARGE):
        make_osmedeus_base(tmp_path / str(rows), rows)
        if has_logs:
            add_logs(tmp_path / str(rows))
    usual = gc.get_threshold()
    gc.set_threshold(*SOON)
    tracemalloc.start()
    try:
        # What is made once, such as statements, counts for neither of the others.
        peak_of(app, tmp_path / str(FIRST) / "base", "first")
        small = peak_of(app, tmp_path / str(SMALL) / "base", "small")
        large = peak_of(app, tmp_path / str(LARGE) / "base", "large")
    finally:
        tracemalloc.stop()
        gc.set_threshold(*usual)
    assert large - small < MOST_BYTES_PER_ROW * (LARGE - SMALL)
