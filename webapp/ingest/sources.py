"""Find or make the source that an import belongs to."""

from pathlib import Path

from sqlalchemy import select

from ..extensions import db
from ..models import Source
from ..transactions import writing
from .errors import SourceError


def find_or_make_source(kind: str, path: Path, workspaces: Path | None, name: str | None) -> Source:
    """Return the source of this name, or without one that of this path; make it when new.

    Raises SourceError for a name that belongs to a source of another kind.
    """
    with writing():
        source = _put_source(kind, path, workspaces, name)
    return source


def _put_source(kind: str, path: Path, workspaces: Path | None, name: str | None) -> Source:
    by_name = select(Source).where(Source.name == name)
    by_path = select(Source).where(Source.path == str(path), Source.kind == kind)
    source = db.session.execute(by_name if name else by_path).scalars().first()
    if source is None:
        source = Source(kind=kind, name=name or _free_name(path.parent.name or "base"))
        db.session.add(source)
    elif source.kind != kind:
        raise SourceError(f"The source named {name} is of kind {source.kind}; choose another name.")
    source.path = str(path)
    source.workspaces_path = str(workspaces or "")
    # What went wrong last time is over: this import has read its base.
    source.import_error = ""
    return source


def _free_name(wanted: str) -> str:
    taken = set(db.session.execute(select(Source.name)).scalars())
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(n for n in numbered if n not in taken)
