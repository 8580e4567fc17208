"""Check what is on this machine: settings, key, disk, files that are served, the log of SQLite."""

import os
import shutil
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from flask import current_app
from sqlalchemy import make_url

from ..config import (
    PROJECT,
    SECRET_KEY_MIN_LENGTH,
    SECRET_KEY_MIN_VARIED,
    ConfigError,
    Settings,
)
from ..formats import size
from ..metrics import FOLDER_NAME, check_folder
from ..static_files import find_file
from .findings import Problem, Skipped

GB = 1000**3
# SQLite empties its log at 32 MB and an import at half a GB, unless somebody reads for very long.
MOST_WAL_BYTES = GB
VENDOR_FILES = ("vendor/htmx.min.js", "vendor/tabler.min.css")
# No clock that is right is before the day on which this was written.
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


def check_settings() -> str:
    """Say which settings count; bad ones keep the application from being made at all."""
    settings = _settings()
    shown = make_url(settings.database_url).render_as_string(hide_password=True)
    return f"read; database {shown}, instance folder {settings.instance}"


def check_secret_key() -> str:
    """Say whether the key that signs sessions is long, random and secret."""
    key, file = _settings().secret_key, _settings().instance / "secret_key"
    if len(key) < SECRET_KEY_MIN_LENGTH or len(set(key)) < SECRET_KEY_MIN_VARIED:
        raise Problem(
            f"SECRET_KEY is no random text of at least {SECRET_KEY_MIN_LENGTH} characters; set "
            'what python -c "import secrets; print(secrets.token_hex(32))" prints.'
        )
    if file.exists():
        _refuse_open(file, stat.S_IRWXG | stat.S_IRWXO, "600")
    return f"{len(key)} characters"


def check_instance() -> str:
    """Say whether the instance folder is closed to others on this machine."""
    folder = _settings().instance
    if not folder.is_dir():
        return "none, and none is needed with SECRET_KEY and DATABASE_URL"
    _refuse_open(folder, stat.S_IRWXO, "700")
    return str(folder)


def check_disk() -> str:
    """Say how much room is left where the database and the instance folder are."""
    file, folder = database_file(), _settings().instance
    places = {folder: GB} if folder.is_dir() else {}
    if file:
        places[file.parent] = max(GB, file.stat().st_size if file.exists() else 0)
    if not places:
        raise Skipped("The database is not on this machine, and there is no instance folder.")
    return "; ".join(check_room(place, needed) for place, needed in places.items())


def check_room(folder: Path, needed: int) -> str:
    """Say how much room is left at a folder; raise Problem if it is less than needed, in bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Problem(
            f"{size(free)} are free at {folder}, and {size(needed)} should be, as for a backup or "
            "a migration: make room, or move it to a larger disk."
        )
    return f"{size(free)} free at {folder}"


def check_wal() -> str:
    """Say how long the log is that SQLite has still to put into its file."""
    file = database_file()
    if file is None:
        raise Skipped("Only SQLite has one.")
    wal = file.with_name(f"{file.name}-wal")
    length = wal.stat().st_size if wal.exists() else 0
    if length > MOST_WAL_BYTES:
        raise Problem(
            f"{wal} has {size(length)}: some reader keeps it from being emptied. Look which "
            "program has the database open for long, or restart the server."
        )
    return size(length)


def check_static_files() -> str:
    """Say whether the files that set-up fetches for browsers are there."""
    missing = [name for name in VENDOR_FILES if not _is_filled(name)]
    if missing:
        raise Problem(f"{', '.join(missing)} is missing or empty in static/: run 'make setup'.")
    return f"{len(VENDOR_FILES)} files in {PROJECT / 'static' / 'vendor'}"


def check_metrics_folder() -> str:
    """Say whether the workers can put their metrics together."""
    if FOLDER_NAME not in os.environ:
        raise Skipped(f"{FOLDER_NAME} is not set: enough for one worker.")
    try:
        folder = check_folder()
        with tempfile.TemporaryFile(dir=folder):
            return str(folder)
    except ConfigError as error:
        raise Problem(str(error)) from error
    except OSError as error:
        raise Problem(f"{FOLDER_NAME} cannot be written: {error.strerror}.") from error


def database_file() -> Path | None:
    """Return the file of the database, there or not; None for PostgreSQL."""
    url = make_url(_settings().database_url)
    return Path(url.database) if url.drivername == "sqlite" and url.database else None


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _refuse_open(path: Path, forbidden: int, mode: str) -> None:
    if path.stat().st_mode & forbidden:
        raise Problem(f"Others on this machine may look into {path}: run 'chmod {mode} {path}'.")


def _is_filled(name: str) -> bool:
    file = find_file(name)
    return file is not None and len(file.content) > 0
