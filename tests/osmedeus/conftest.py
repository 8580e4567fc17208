"""Fixtures for imports: the real base, unpacked."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.ingest.sample import unpacked_sample


@pytest.fixture(scope="session")
def sample() -> Iterator[Path]:
    """Return the real base's folder; not to be changed."""
    with unpacked_sample() as folder:
        yield folder


@pytest.fixture
def base_copy(sample: Path, tmp_path: Path) -> Path:
    """Return a copy of the real base's folder that a test may change."""
    return Path(shutil.copytree(sample, tmp_path / "osmedeus"))


@pytest.fixture
def database(base_copy: Path) -> Path:
    """Return the database of a base that a test may spoil."""
    path = base_copy / "base" / "database-osm.sqlite"
    path.chmod(0o644)
    return path
