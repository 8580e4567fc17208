"""A disk that is full ends an import with one line; with room again it goes on from there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.conftest import SECRET_KEY
from webapp.config import PROJECT
from webapp.extensions import db
from webapp.models import Step

from .conftest import fresh_app, opened_app
from .test_killed_import import check_truth, check_whole

# A disk of this many KiB, where the empty database takes some 550.
SIZES_KIB = (700, 1000)


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """Mount a disk of a size in memory, for this process and its children alone."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def import_by_command(url: str, base: Path) -> "subprocess.CompletedProcess[str]":
    """Import a base as an administrator does."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "webapp", "import", "osmedeus", str(base)],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": url, "SECRET_KEY": SECRET_KEY},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_ends_an_import_and_spoils_nothing(
    sqlite_template: Path, sample: Path, tmp_path: Path, is_long: bool
) -> None:
    if os.geteuid() != 0:
        pytest.fail("only root may mount the small disk that this test needs")
    refused = 0
    for kib in range(600, 2600, 50) if is_long else SIZES_KIB:
        with (
            small_disk(tmp_path / f"disk {kib}", kib) as disk,
            fresh_app(sqlite_template, disk) as app,
        ):
            url = app.config["SQLALCHEMY_DATABASE_URI"]
            result = import_by_command(url, sample / "base")
            if result.returncode:
                refused += 1
                last = result.stderr.splitlines()[-1]
                assert last.startswith("Error: The database cannot be written; mend that, and "), (
                    result.stderr
                )
                assert "full" in last or "I/O" in last
                assert "Traceback" not in result.stderr
            n_before = check_whole(app)
            with app.app_context():
                db.session.rollback()
                db.engine.dispose()
            # Room again: the same database, moved to a larger disk.
            roomy = tmp_path / f"roomy {kib}"
            shutil.copytree(disk, roomy)
        with opened_app(roomy) as app:
            assert check_whole(app) == n_before
            again = import_by_command(app.config["SQLALCHEMY_DATABASE_URI"], sample / "base")
            assert again.returncode == 0, again.stderr
            check_whole(app)
            check_truth(app, sample)
            with app.app_context():
                assert db.session.scalar(select(func.count()).select_from(Step)) == 175
    assert refused
