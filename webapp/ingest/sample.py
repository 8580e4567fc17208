"""Unpack the real Osmedeus base that comes with Stepboard."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..config import PROJECT

SAMPLE = PROJECT / "sample" / "osmedeus-5.1.0.tar.xz"


@contextmanager
def unpacked_sample() -> Iterator[Path]:
    """Yield a temporary folder with `base/`, `workspaces-osmedeus/` and `truth.json`."""
    with tempfile.TemporaryDirectory(prefix="stepboard-sample-") as folder:
        with tarfile.open(SAMPLE) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)
