"""An import needs no more memory for a large base than for a small one."""

import tracemalloc
from pathlib import Path

import pytest
from flask import Flask

from benchmarks.data import make_osmedeus_base
from webapp.extensions import db
from webapp.ingest import writer
from webapp.ingest.osmedeus.importer import import_base

FIRST, SMALL, LARGE = 500, 2_000, 8_000
BATCH_ROWS = 500
# A row that is kept in memory takes some 700; a run, and what SQLAlchemy leaves of a batch until
# its cycles are looked for, take some 100 a row in such small ones.
MOST_BYTES_PER_ROW = 250


def peak_of(app: Flask, base: Path, name: str) -> int:
    """Import a base and return how many bytes that took at most."""
    with app.app_context():
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        import_base(base, name=name)
        _, peak = tracemalloc.get_traced_memory()
        db.session.rollback()
    return peak - before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_memory_of_an_import_does_not_grow_with_the_rows_of_the_base(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both bases fill more batches than are in memory at once.
    monkeypatch.setattr(writer, "BATCH_ROWS", BATCH_ROWS)
    for rows in (FIRST, SMALL, LARGE):
        make_osmedeus_base(tmp_path / str(rows), rows)
    # What is made once, such as statements, counts for neither.
    tracemalloc.start()
    try:
        peak_of(app, tmp_path / str(FIRST) / "base", "first")
        small = peak_of(app, tmp_path / str(SMALL) / "base", "small")
        large = peak_of(app, tmp_path / str(LARGE) / "base", "large")
    finally:
        tracemalloc.stop()
    assert large - small < MOST_BYTES_PER_ROW * (LARGE - SMALL)
