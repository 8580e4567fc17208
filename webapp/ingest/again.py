"""Import a base again that is known here, and keep with it how that went."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from ..audit import record_alone
from ..columns import utc_now
from ..extensions import db
from ..models import Action, Source
from ..queries.sources import get_source
from .demo import NAME, import_demo
from .errors import SourceError
from .osmedeus.importer import KIND, import_base
from .osmedeus.run_writer import Report
from .osmedeus.summary import ImportSummary
from .sample import SAMPLE

# An import without an end after this long is taken for dead: another one may begin. Should it
# live after all, both write the same.
GIVEN_UP_AFTER = timedelta(hours=1)
FAILED = "The import failed; the log of the server says why."
INTERRUPTED = "The import was interrupted."


def is_demo(source: Source) -> bool:
    """Tell whether a source is the bundled sample.

    While it is imported, its path is that of the unpacked files; interrupted, it stays so.
    """
    is_moved = source.moved_to is not None and source.name == NAME
    return is_moved and (source.path == SAMPLE.name or not _is_there(Path(source.path)))


def can_import(source: Source) -> bool:
    """Tell whether a source is a base, which can be read again, and not one that is pushed."""
    return source.kind == KIND


def is_importing(source: Source) -> bool:
    """Tell whether an import that was asked for is still under way, as far as anyone knows."""
    began = source.import_began_at
    return began is not None and began > utc_now() - GIVEN_UP_AFTER


def find_missing_path(source: Source) -> str:
    """Return the path of a source that is gone, or an empty text."""
    if is_demo(source):
        return "" if _is_there(SAMPLE) else str(SAMPLE)
    paths = [path for path in (source.path, source.workspaces_path) if path]
    return next((path for path in paths if not _is_there(Path(path))), "")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def claim_import(source_id: int) -> datetime | None:
    """Note that an import begins and return when; None while another one is under way."""
    now = utc_now()
    claim = (
        update(Source)
        .where(
            Source.id == source_id,
            Source.import_began_at.is_(None) | (Source.import_began_at < now - GIVEN_UP_AFTER),
        )
        .values(import_began_at=now, import_error="")
    )
    with db.engine.execution_options(immediate=True).begin() as connection:
        return now if connection.execute(claim).rowcount else None


def end_import(source_id: int, began_at: datetime, error: str) -> bool:
    """Note how an import ended; tell whether it was still the one that began then."""
    end = (
        update(Source)
        .where(Source.id == source_id, Source.import_began_at == began_at)
        .values(import_began_at=None, import_error=error)
    )
    with db.engine.execution_options(immediate=True).begin() as connection:
        is_ended = bool(connection.execute(end).rowcount)
    if is_ended and error:
        record_alone(Action.IMPORT_FAILED, get_source(source_id).name, error=error)
    return is_ended


def import_again(source: Source, report: Report) -> ImportSummary:
    """Import a claimed source and note how that ended; raise SourceError as import_base does."""
    with _end_noted(source):
        if is_demo(source):
            return import_demo(report)
        workspaces = Path(source.workspaces_path) if source.workspaces_path else None
        return import_base(Path(source.path), workspaces, source.name, report=report)


@contextmanager
def _end_noted(source: Source) -> Iterator[None]:
    source_id = source.id
    # A transaction from before the claim would not see it.
    db.session.rollback()
    began_at = db.session.scalar(select(Source.import_began_at).where(Source.id == source_id))
    error = INTERRUPTED
    try:
        yield
        error = ""
    except SourceError as reason:
        error = str(reason)
        raise
    except Exception:
        error = FAILED
        raise
    finally:
        db.session.rollback()
        if began_at:
            end_import(source_id, began_at, error)
