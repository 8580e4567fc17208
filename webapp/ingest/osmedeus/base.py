"""Find the files of a base; read nothing outside the given folders, links included."""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceError

DATABASE_NAME = "database-osm.sqlite"
WORKSPACES_NAME = "workspaces-osmedeus"


@dataclass(frozen=True, slots=True)
class Folder:
    """One workspace's folder; a file that is missing, a link or a pipe is None."""

    name: str
    execution_log: Path | None
    console_log: Path | None
    workflow_file: Path | None


@dataclass(frozen=True, slots=True)
class Base:
    """Where the parts of a base are; `workspaces` is None when there is no such folder."""

    database: Path
    workspaces: Path | None


def find_base(path: Path, workspaces: Path | None = None) -> Base:
    """Return the base that a path means: its folder, or its database file.

    Raises SourceError for what is missing or no regular file.
    """
    try:
        return _find_base(_resolved(path), workspaces)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error


def find_folders(workspaces: Path) -> list[Folder]:
    """Return the folders of all workspaces, sorted by name."""
    try:
        found = [entry for entry in sorted(workspaces.iterdir()) if _is_own(entry, stat.S_ISDIR)]
    except OSError as error:
        raise SourceError(f"{workspaces} cannot be read: {error.strerror}.") from error
    return [
        Folder(
            name=entry.name,
            execution_log=_own_file(entry / "run-execution.log"),
            console_log=_own_file(entry / "run-console.log"),
            workflow_file=_own_file(entry / "run-workflow.yaml"),
        )
        for entry in found
    ]


def _find_base(path: Path, workspaces: Path | None) -> Base:
    database = path / DATABASE_NAME if path.is_dir() else path
    if database.is_symlink():
        raise SourceError(f"{database} is a link; give the folder or file that it leads to.")
    if not database.exists():
        raise SourceError(f"There is no {DATABASE_NAME} in {path}.")
    if not database.is_file():
        raise SourceError(f"{database} is not a regular file.")
    return Base(database, _find_workspaces(database, workspaces))


def _find_workspaces(database: Path, workspaces: Path | None) -> Path | None:
    if workspaces is not None:
        workspaces = _resolved(workspaces)
        if not workspaces.is_dir():
            raise SourceError(f"{workspaces} is not a folder.")
        return workspaces
    beside = database.parent.parent / WORKSPACES_NAME
    return beside if _is_own(beside, stat.S_ISDIR) else None


def _resolved(path: Path) -> Path:
    try:
        return path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(f"{path} cannot be read: {reason}.") from error


def _own_file(path: Path) -> Path | None:
    return path if _is_own(path, stat.S_ISREG) else None


def _is_own(path: Path, is_kind: Callable[[int], bool]) -> bool:
    """Tell whether a path is itself of a kind: a link is not, wherever it leads."""
    try:
        return is_kind(path.lstat().st_mode)
    except OSError:
        return False
