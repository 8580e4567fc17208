"""A base that is replaced, cut or removed while it is read: all of it, or one clear line."""

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from benchmarks.data import make_osmedeus_base
from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base

from .test_killed_import import check_whole, empty, go, start, time_whole

ROWS = 4_000


def put_another(database: Path, another: Path) -> None:
    """Put another base in its place, as a copy that is done does."""
    shutil.copy(another, database.with_suffix(".new"))
    os.replace(database.with_suffix(".new"), database)


def write_over(database: Path, another: Path) -> None:
    """Write another base over it, byte by byte, as a careless copy does."""
    with another.open("rb") as source, database.open("r+b") as target:
        target.truncate(another.stat().st_size)
        shutil.copyfileobj(source, target, 4096)


def cut(database: Path, _another: Path) -> None:
    """Cut it off in the middle."""
    os.truncate(database, database.stat().st_size // 2)


def remove(database: Path, _another: Path) -> None:
    """Take it away."""
    database.unlink()


CHANGES: tuple[Callable[[Path, Path], None], ...] = (put_another, write_over, cut, remove)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two bases of different size."""
    folders = (tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two"))
    for folder, rows in zip(folders, (ROWS, ROWS // 4), strict=True):
        make_osmedeus_base(folder, rows)
    return folders[0] / "base", folders[1] / "base"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_base_that_changes_while_it_is_read(
    app: Flask,
    bases: tuple[Path, Path],
    tmp_path: Path,
    change: Callable[[Path, Path], None],
    is_long: bool,
) -> None:
    name = "database-osm.sqlite"
    whole_s = time_whole(app, bases[0]) if is_long else 0.4
    for _ in range(10 if is_long else 1):
        empty(app)
        base = Path(shutil.copytree(bases[0], tmp_path / "base", dirs_exist_ok=True))
        process = start(app, base)
        go(process)
        time.sleep(random.uniform(0.1, 1) * whole_s)
        change(base / name, bases[1] / name)
        said, _ = process.communicate(timeout=120)
        n = check_whole(app)
        assert process.returncode in (0, 1), said
        if process.returncode == 0:
            assert n in (ROWS, ROWS // 4)
        shutil.rmtree(base)
        shutil.copytree(bases[0], base)
        with app.app_context():
            import_base(base)
            db.session.rollback()
        # Of the other base those may be here too that were read before.
        assert check_whole(app) >= ROWS
