"""Tell whether a base can be read, without reading it."""

from pathlib import Path

from ..models import Source
from .again import can_import, find_missing_path, is_demo
from .errors import SourceError
from .osmedeus.base import find_base
from .osmedeus.database_file import opened


def find_fault(source: Source) -> str:
    """Return in one line what keeps a source from being imported again; an empty text: nothing."""
    if not can_import(source):
        return ""
    if missing := find_missing_path(source):
        return f"There is no {missing}: put it there, or import from where it is, with this --name."
    try:
        if not is_demo(source):
            _try_to_read(source)
    except SourceError as error:
        return str(error)
    return ""


def _try_to_read(source: Source) -> None:
    workspaces = Path(source.workspaces_path) if source.workspaces_path else None
    base = find_base(Path(source.path), workspaces)
    with opened(base.database) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
