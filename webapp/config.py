"""Hold every setting: its environment variable, its default and what a good value is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

PROJECT = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"
SECRET_KEY_MIN_LENGTH = 32
PREFIX = "STEPBOARD_"
NAMES = frozenset(
    PREFIX + name for name in ("INSTANCE", "ADMIN_PASSWORD", "STATEMENT_TIMEOUT_MS", "LOGIN_DAYS")
)
STATEMENT_TIMEOUT_MS = 15_000
LOGIN_DAYS = 14
# What Flask-Compress makes smaller: pages and JSON. Static files bring their own (static_files.py),
# and what is streamed keeps its length. The levels cost a page less than a millisecond.
COMPRESSION = {
    "COMPRESS_MIMETYPES": ("text/html", "application/json"),
    "COMPRESS_ALGORITHM": ("zstd", "br", "gzip"),
    "COMPRESS_ZSTD_LEVEL": 3,
    "COMPRESS_BR_LEVEL": 4,
    "COMPRESS_LEVEL": 5,
    "COMPRESS_MIN_SIZE": 1000,
    "COMPRESS_STREAMS": False,
}


class ConfigError(ValueError):
    """Raised for a setting that is missing or bad; the message names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process; README.md has the same table.

    `from_environ` reads them once, at start; nothing reads the environment later.
    """

    secret_key: str  # SECRET_KEY
    database_url: str  # DATABASE_URL
    instance: Path = PROJECT / "instance"  # STEPBOARD_INSTANCE
    admin_password: str = ""  # STEPBOARD_ADMIN_PASSWORD
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS  # STEPBOARD_STATEMENT_TIMEOUT_MS
    login_days: int = LOGIN_DAYS  # STEPBOARD_LOGIN_DAYS

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from the environment; raise ConfigError naming the bad one."""
        _check_names(environ)
        return cls(
            secret_key=_secret_key(environ),
            database_url=database_url(environ),
            instance=instance_folder(environ),
            admin_password=environ.get("STEPBOARD_ADMIN_PASSWORD", ""),
            statement_timeout_ms=_whole_number(
                environ, "STEPBOARD_STATEMENT_TIMEOUT_MS", STATEMENT_TIMEOUT_MS, 100, 3_600_000
            ),
            login_days=_whole_number(environ, "STEPBOARD_LOGIN_DAYS", LOGIN_DAYS, 1, 365),
        )


def instance_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the embedded database and the secret key: by default `instance/`."""
    given = environ.get("STEPBOARD_INSTANCE", "")
    return Path(given).expanduser().absolute() if given else PROJECT / "instance"


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return the SQLAlchemy URL of the database: DATABASE_URL, or SQLite in the instance folder."""
    url = environ.get("DATABASE_URL", "")
    if not url:
        return f"sqlite:///{instance_folder(environ) / 'stepboard.sqlite'}"
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    if not _is_database_url(url):
        # The value is not repeated: it may hold a password.
        raise ConfigError(
            "DATABASE_URL must name an SQLite file or a PostgreSQL database, for example "
            "sqlite:////var/lib/stepboard/stepboard.sqlite or "
            "postgresql://user:password@host/name."
        )
    return url


def _is_database_url(url: str) -> bool:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return False
    if parsed.drivername == "sqlite":
        return parsed.database not in (None, "", ":memory:")
    return parsed.drivername == "postgresql+psycopg"


def _secret_key(environ: Mapping[str, str]) -> str:
    secret_key = environ.get("SECRET_KEY", "")
    if len(secret_key) < SECRET_KEY_MIN_LENGTH:
        raise ConfigError(
            f"SECRET_KEY must be set, to at least {SECRET_KEY_MIN_LENGTH} random characters "
            '(python -c "import secrets; print(secrets.token_hex(32))" prints a good one).'
        )
    return secret_key


def _whole_number(
    environ: Mapping[str, str], name: str, default: int, least: int, most: int
) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def _check_names(environ: Mapping[str, str]) -> None:
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in NAMES)
    if unknown:
        raise ConfigError(
            f"{unknown[0]} is not a setting; those that begin so are {', '.join(sorted(NAMES))}."
        )
