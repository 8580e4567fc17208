"""Unpack the real Osmedeus base that comes with Stepboard."""

import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ..config import PROJECT

SAMPLE = PROJECT / "sample" / "osmedeus-5.1.0.tar.xz"


@contextmanager
def unpacked_sample() -> Iterator[Path]:
    """Yield a temporary folder with `base/`, `workspaces-osmedeus/` and `truth.json`."""
    with tempfile.TemporaryDirectory(prefix="stepboard-sample-") as folder:
        with tarfile.open(SAMPLE) as archive:
            for member in archive:
                _unpack(archive, member, Path(folder))
        yield Path(folder)


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    # Not extractall: its filter against names that lead out is younger than Debian 12's Python.
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{member.name!r} leads out of the folder")
    content = archive.extractfile(member) if member.isfile() else None
    if content is None:
        (folder / path).mkdir(exist_ok=True)
        return
    with content, (folder / path).open("wb") as file:
        shutil.copyfileobj(content, file)
