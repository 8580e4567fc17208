"""How a base is read: whole while it is being written, and left exactly as it was."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Run

from .logs import completed


def fingerprint(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return what every file of a folder holds, and when it changed."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("with_shm", [False, True])
def test_what_stands_in_the_wal_alone_is_read_and_no_file_is_changed(
    app: Flask, database: Path, tmp_path: Path, with_shm: bool
) -> None:
    target = tmp_path / "copy"
    target.mkdir()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("UPDATE runs SET target='from-the-wal' WHERE id=1")
        connection.commit()
        for suffix in ("", "-wal", *(["-shm"] if with_shm else [])):
            name = database.name + suffix
            shutil.copy(database.with_name(name), target / name)
    before = fingerprint(target)
    with app.app_context():
        import_base(target)
        assert db.session.get_one(Run, 1).target == "from-the-wal"
    assert fingerprint(target) == before


def test_a_base_that_is_being_written_is_read(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE runs SET target='written' WHERE id=1")
        connection.commit()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE runs SET target='not yet' WHERE id=1")
        with app.app_context():
            import_base(database)
            assert db.session.get_one(Run, 1).target == "written"


def test_the_source_is_left_exactly_as_it_was(app: Flask, base_copy: Path) -> None:
    before = fingerprint(base_copy)
    with app.app_context():
        import_base(base_copy / "base")
    assert fingerprint(base_copy) == before


def test_nothing_outside_the_folders_is_read(app: Flask, base_copy: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.log"
    secret.write_bytes(completed(0, "outside"))
    workspaces = base_copy / "workspaces-osmedeus"
    (workspaces / "linked").symlink_to(tmp_path)
    (workspaces / "odd").mkdir()
    (workspaces / "odd" / "run-execution.log").symlink_to(secret)
    (workspaces / "pipe").mkdir()
    os.mkfifo(workspaces / "pipe" / "run-execution.log")
    (workspaces / "folder" / "run-execution.log").mkdir(parents=True)
    (workspaces / "a file").write_text("not a folder")
    with app.app_context():
        summary = import_base(base_copy / "base")
        assert (summary.log_files, summary.steps.added) == (11, 175)
