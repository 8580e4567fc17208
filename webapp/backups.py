"""Back an SQLite database up while it is used, and put a backup in its place."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from .database import is_known, needed_revision

PAGES_AT_ONCE = 1_000
ASIDE = ".before-restore"
# What SQLite keeps beside a database that is in use.
LOG, INDEX = "-wal", "-shm"

Report = Callable[[str, int, int], None]


class BackupError(RuntimeError):
    """Raised for what keeps a backup from being made or used; the message is one clear line."""


def make_backup(database: Path, file: Path, may_replace: bool, report: Report) -> str:
    """Write one moment of a database to a file for its owner only; return its revision.

    Who writes meanwhile is not kept waiting. The file gets its name when it is whole and checked.
    """
    if not database.is_file():
        raise BackupError(f"There is no database {database}.")
    if file.exists() and (not may_replace or file.samefile(database) or not file.is_file()):
        raise BackupError(f"{file} is there already; give another name, or --force.")
    with _made_beside(file) as part:
        _copy(database, part, report)
        revision = check_backup(part)
        os.replace(part, file)
    return revision


def check_backup(file: Path) -> str:
    """Return the revision of a file; raise BackupError unless it is a sound Stepboard database."""
    if not file.is_file():
        raise BackupError(f"There is no file {file}.")
    try:
        with closing(_open_to_read(file)) as connection:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"{file} is no database of Stepboard: {error}.") from error
    if problem != "ok":
        raise BackupError(f"{file} is damaged: {problem}.")
    if row is None or not is_known(row[0]):
        named = f"at revision {row[0]}, which" if row else "without a revision, so"
        raise BackupError(f"{file} is {named} this version of Stepboard does not know it.")
    return str(row[0])


def restore_backup(file: Path, database: Path, may_replace: bool, report: Report) -> str:
    """Put a backup in the place of the database, which is kept aside; return its revision.

    Raises BackupError, with nothing changed, while anybody has the database open.
    """
    revision = check_backup(file)
    aside = Path(f"{database}{ASIDE}")
    if aside.exists():
        raise BackupError(f"{aside} is there, from an earlier restore: move it away first.")
    with _made_beside(database) as part:
        _copy(file, part, report)
        check_backup(part)
        with _alone_with(database, may_replace):
            _swap(part, database, aside)
    return revision


def is_older(revision: str) -> bool:
    """Tell whether a known revision is not the one that this version needs."""
    return revision != needed_revision()


@contextmanager
def _made_beside(file: Path) -> Iterator[Path]:
    """Yield an empty file beside another, for its owner only; it does not outlive the block."""
    part = file.with_name(f"{file.name}.part-{os.getpid()}")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise BackupError(f"Cannot write {part}: {error.strerror}.") from error
    try:
        yield part
    except OSError as error:
        raise BackupError(f"Cannot write {file}: {error.strerror}.") from error
    finally:
        for suffix in ("", LOG, INDEX, "-journal"):
            Path(f"{part}{suffix}").unlink(missing_ok=True)


def _copy(source: Path, target: Path, report: Report) -> None:
    """Copy one moment of a database into a file, which needs no other file beside it then."""

    def tell(_status: int, remaining: int, total: int) -> None:
        report("pages", total - remaining, total)

    try:
        with closing(_open_to_read(source)) as reading, closing(sqlite3.connect(target)) as writing:
            # Held, this moment stays: else each write of another process begins it all anew.
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
            reading.backup(writing, pages=PAGES_AT_ONCE, progress=tell)
            writing.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"Cannot copy {source}: {error}.") from error
    with target.open("rb") as copied:
        os.fsync(copied.fileno())


def _open_to_read(file: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(file.absolute()))}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


@contextmanager
def _alone_with(database: Path, may_replace: bool) -> Iterator[None]:
    """Run a block while nobody else can use the database, if there is one."""
    if not database.exists():
        yield
        return
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            # Fails while anybody else has it open, and puts its log into it.
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
            has_rows = _has_rows(connection)
        except sqlite3.OperationalError as error:
            raise BackupError(
                f"{database} is in use: stop the server, and wait for imports to end ({error})."
            ) from error
        except sqlite3.DatabaseError:
            has_rows = True
        if has_rows and not may_replace:
            raise BackupError(f"{database} holds rows; --force replaces it, and keeps it aside.")
        yield


def _has_rows(connection: sqlite3.Connection) -> bool:
    named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'alembic_version'"
    tables = [name.replace('"', '""') for (name,) in connection.execute(named)]
    return any(connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone() for name in tables)


def _swap(part: Path, database: Path, aside: Path) -> None:
    """Give the part the database's name and owner; what had that name is kept aside."""
    if database.exists():
        owner = database.stat()
        with suppress(PermissionError):
            shutil.chown(part, owner.st_uid, owner.st_gid)
        # A second name first: at no moment there is no database, which a server would make anew.
        os.link(database, aside)
        if Path(f"{database}{LOG}").exists():
            os.replace(f"{database}{LOG}", f"{aside}{LOG}")
        Path(f"{database}{INDEX}").unlink(missing_ok=True)
    os.replace(part, database)
