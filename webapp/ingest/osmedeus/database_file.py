"""Open an Osmedeus database for reading and leave every file of it exactly as it was.

The engine may be writing while we read. SQLite itself would change files even for a reader (it
makes or repairs the `-shm`), so what cannot be read as it stands is read from a private copy.
"""

import fcntl
import os
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from ..errors import SourceError

MAGIC = b"SQLite format 3\0"
# Where the header says whether readers need a -wal: 2 for a write-ahead log.
READ_VERSION_OFFSET = 19
WAL_VERSION = 2
BUSY_SECONDS = 5.0
LOCKED = "{} is locked by another program; try again when it has ended."
COPY_TRIES = 5
# Nothing is written, and no function, CHECK or damaged cell that a hostile schema brings does harm.
PRAGMAS = ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON") + (
    "ignore_check_constraints = ON",
)
# The bytes that SQLite locks, from its file format: every reader holds a lock on these.
SHARED_FIRST, SHARED_SIZE = 0x40000002, 510


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database read-only; raise SourceError with one clear line when that is impossible."""
    _check_header(database)
    try:
        with _reachable(database) as uri, closing(_connect(uri)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise SourceError(explain(database, error)) from error
    except OSError as error:
        # Whoever asks for the connection reads logs too: the error names the file.
        what = error.filename or database
        raise SourceError(f"{what} cannot be read: {error.strerror}.") from error


def explain(database: Path, error: sqlite3.Error) -> str:
    """Return one line for the person asking that says what is wrong with a database."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LOCKED.format(database)
    if code == sqlite3.SQLITE_NOTADB:
        return f"{database} is not a SQLite database, or its first page is damaged."
    # Steps of before the damage may have been imported by now.
    return f"{database} is damaged or cut off ({error}); import it again when it is mended."


def _check_header(database: Path) -> None:
    try:
        with database.open("rb") as file:
            start = file.read(100)
    except OSError as error:
        raise SourceError(f"{database} cannot be read: {error.strerror}.") from error
    if not start:
        raise SourceError(f"{database} is empty.")
    if not start.startswith(MAGIC) or len(start) < 100:
        raise SourceError(f"{database} is not a SQLite database.")


@contextmanager
def _reachable(database: Path) -> Iterator[str]:
    """Yield a URI under which the database can be read without a change to any of its files."""
    uri = f"file:{quote(str(database))}?mode=ro"
    if _is_in_wal_mode(database):
        wal, shared = _beside(database, "-wal"), _beside(database, "-shm")
        has_wal = wal.exists() and wal.stat().st_size > 0
        uri += "&readonly_shm=1" if has_wal or shared.exists() else "&immutable=1"
        if "immutable" in uri and _is_locked(database):
            raise SourceError(LOCKED.format(database))
    elif _beside(database, "-journal").exists():
        # A transaction that never ended: only a copy can be rolled back.
        uri = ""
    if uri and _is_readable(uri):
        before = _stamps(database)
        yield uri
        if "immutable" in uri and _stamps(database) != before:
            raise SourceError(f"{database} changed while it was read; import it again.")
    else:
        with tempfile.TemporaryDirectory(prefix="stepboard-copy-") as folder:
            yield f"file:{quote(str(_copied(database, Path(folder))))}"


def _is_in_wal_mode(database: Path) -> bool:
    with database.open("rb") as file:
        return file.read(READ_VERSION_OFFSET + 1)[READ_VERSION_OFFSET] == WAL_VERSION


def _is_readable(uri: str) -> bool:
    """Tell whether the database opens as it is; a lock is an error, not a reason to copy."""
    try:
        with closing(_connect(uri)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return True
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise
        return False


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    # What is no UTF-8 must not end an import.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _copied(database: Path, folder: Path) -> Path:
    """Copy a database with its logs, all of one moment."""
    copy = folder / "copy.sqlite"
    for _ in range(COPY_TRIES):
        if _is_locked(database):
            raise SourceError(LOCKED.format(database))
        before = _stamps(database)
        for suffix in ("", "-wal", "-journal"):
            part = _beside(database, suffix)
            if part.exists():
                shutil.copyfile(part, _beside(copy, suffix))
        if _stamps(database) == before:
            return copy
    raise SourceError(
        f"{database} is being changed by another program; try again when it has ended."
    )


def _is_locked(database: Path) -> bool:
    """Tell whether a program holds SQLite's exclusive lock; the look itself locks nothing."""
    question = struct.pack("hhqqi", fcntl.F_RDLCK, os.SEEK_SET, SHARED_FIRST, SHARED_SIZE, 0)
    with database.open("rb") as file:
        answer = fcntl.fcntl(file, fcntl.F_GETLK, question)
    return bool(struct.unpack("hhqqi", answer)[0] == fcntl.F_WRLCK)


def _beside(database: Path, suffix: str) -> Path:
    path = database.with_name(database.name + suffix)
    if path.is_symlink():
        raise SourceError(f"{path} is a link; links are not read.")
    return path


def _stamps(database: Path) -> list[tuple[int, int] | None]:
    stamps: list[tuple[int, int] | None] = []
    for suffix in ("", "-wal", "-journal"):
        path = _beside(database, suffix)
        found = path.stat() if path.exists() else None
        stamps.append((found.st_mtime_ns, found.st_size) if found else None)
    return stamps
