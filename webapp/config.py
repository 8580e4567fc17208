"""Hold every setting: its environment variable, its default and what a good value is."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

PROJECT = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"
SECRET_KEY_MIN_LENGTH = 32
# Fewer different characters were made up by a person, as in "changeme" over and over.
SECRET_KEY_MIN_VARIED = 8
PREFIX = "STEPBOARD_"
# A path prefix: parts of plain letters, so that it is the same in an address and out of it.
URL_PREFIX = r"(/[A-Za-z0-9._~-]+)+"
LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
# What Flask-Compress makes smaller: pages and JSON, also those that are sent piece by piece. Static
# files bring their own (static_files.py). The levels cost a page less than a millisecond.
COMPRESSION = {
    "COMPRESS_MIMETYPES": ("text/html", "application/json"),
    "COMPRESS_ALGORITHM": ("zstd", "br", "gzip"),
    "COMPRESS_ZSTD_LEVEL": 3,
    "COMPRESS_BR_LEVEL": 4,
    "COMPRESS_LEVEL": 5,
    "COMPRESS_MIN_SIZE": 1000,
    "COMPRESS_ALGORITHM_STREAMING": ("zstd", "br", "gzip"),
}


class ConfigError(ValueError):
    """Raised for a setting that is missing or bad; the message names it and what is allowed."""


Read = Callable[[str, str], Any]


def _whole_number(least: int, most: int) -> Read:
    def read(name: str, text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) < 10
        if not (is_number and least <= int(text) <= most):
            raise ConfigError(
                f"{name} must be a whole number from {least} to {most}, not {text!r}."
            )
        return int(text)

    return read


def _choice(*allowed: str) -> Read:
    def read(name: str, text: str) -> str:
        if text not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(allowed)}, not {text!r}.")
        return text

    return read


def _list(is_good: Callable[[str], bool], example: str) -> Read:
    def read(name: str, text: str) -> tuple[str, ...]:
        values = tuple(value.strip() for value in text.split(","))
        for value in values:
            if not is_good(value):
                raise ConfigError(f"{name} must be such as {example}, not {value!r}.")
        return values

    return read


def _is_origin(text: str) -> bool:
    return re.fullmatch(r"https?://[A-Za-z0-9.\-:]+", text) is not None


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _url_prefix(name: str, text: str) -> str:
    if not re.fullmatch(URL_PREFIX, text):
        raise ConfigError(f"{name} must be a path such as /stepboard, not {text!r}.")
    return text


def _as_it_stands(_name: str, text: str) -> str:
    return text


def _setting(default: Any, read: Read) -> Any:
    """Return a field that `from_environ` reads from STEPBOARD_ and its name in capitals."""
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process; README.md has the same table.

    `from_environ` reads them once, at start; nothing reads the environment later.
    """

    secret_key: str  # SECRET_KEY
    database_url: str  # DATABASE_URL
    instance: Path = PROJECT / "instance"  # STEPBOARD_INSTANCE
    replica_url: str = ""  # DATABASE_REPLICA_URL
    admin_password: str = _setting("", _as_it_stands)
    statement_timeout_ms: int = _setting(15_000, _whole_number(100, 3_600_000))
    # How long a request waits for an SQLite database that another process has locked.
    busy_timeout_ms: int = _setting(5_000, _whole_number(0, 60_000))
    # Of PostgreSQL, for each worker.
    pool_size: int = _setting(16, _whole_number(2, 100))
    # A replica that lacks what is older than this is not read from.
    replica_most_behind_s: int = _setting(10, _whole_number(1, 300))
    login_days: int = _setting(14, _whole_number(1, 365))
    idle_hours: int = _setting(72, _whole_number(1, 8_760))
    # How many proxies stand before the server, each adding to the forwarded headers.
    proxies: int = _setting(0, _whole_number(0, 10))
    url_prefix: str = _setting("", _url_prefix)
    cors_origins: tuple[str, ...] = _setting((), _list(_is_origin, "https://app.example.com"))
    metrics_from: tuple[str, ...] = _setting((), _list(_is_network, "10.1.2.3, 192.168.0.0/24"))
    log_format: str = _setting("text", _choice(*LOG_FORMATS))
    log_level: str = _setting("info", _choice(*LOG_LEVELS))
    slow_query_ms: int = _setting(1_000, _whole_number(1, 3_600_000))

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from the environment; raise ConfigError naming the bad one."""
        _check_names(environ)
        return cls(
            secret_key=_secret_key(environ),
            database_url=database_url(environ),
            instance=instance_folder(environ),
            replica_url=replica_url(environ),
            **{name: _read(environ, name) for name in READ_BY},
        )


READ_BY: dict[str, Read] = {
    one.name: one.metadata["read"] for one in fields(Settings) if "read" in one.metadata
}
NAMES = frozenset(PREFIX + name.upper() for name in ("instance", *READ_BY))


def _read(environ: Mapping[str, str], field_name: str) -> Any:
    """Return the value of a setting; an empty one counts as not set."""
    name = PREFIX + field_name.upper()
    text = environ.get(name, "")
    return READ_BY[field_name](name, text) if text else default_of(field_name)


def default_of(field_name: str) -> Any:
    """Return what a setting is when the environment does not say."""
    (default,) = (one.default for one in fields(Settings) if one.name == field_name)
    assert default is not MISSING
    return default


def instance_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the embedded database and the secret key: by default `instance/`."""
    given = environ.get("STEPBOARD_INSTANCE", "")
    return Path(given).expanduser().absolute() if given else PROJECT / "instance"


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return the SQLAlchemy URL of the database: DATABASE_URL, or SQLite in the instance folder."""
    url = environ.get("DATABASE_URL", "")
    if not url:
        return f"sqlite:///{instance_folder(environ) / 'stepboard.sqlite'}"
    return read_database_url("DATABASE_URL", url)


def replica_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return the SQLAlchemy URL of the replica that requests read from; blank without one."""
    name, given = "DATABASE_REPLICA_URL", environ.get("DATABASE_REPLICA_URL", "")
    if not given:
        return ""
    primary, url = database_url(environ), read_database_url(name, given)
    if "sqlite" in (make_url(primary).drivername, make_url(url).drivername):
        raise ConfigError(f"{name} is for PostgreSQL only: unset it, or set both to PostgreSQL.")
    if _place_of(primary) == _place_of(url):
        raise ConfigError(
            f"{name} names the database of DATABASE_URL: name a replica of it, or unset it."
        )
    return url


def _place_of(url: str) -> tuple[object, ...]:
    """Return which server and database a URL of PostgreSQL names, whoever logs in and how."""
    parsed = make_url(url)
    host = parsed.host or parsed.query.get("host", "")
    return host, str(parsed.port or parsed.query.get("port", 5432)), parsed.database


def read_database_url(name: str, url: str) -> str:
    """Return the SQLAlchemy URL that a text means; raise ConfigError, naming it, if it is none."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    if not _is_database_url(url):
        # The value is not repeated: it may hold a password.
        raise ConfigError(
            f"{name} must name an SQLite file or a PostgreSQL database, for example "
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
    is_varied = len(set(secret_key)) >= SECRET_KEY_MIN_VARIED
    if len(secret_key) < SECRET_KEY_MIN_LENGTH or not is_varied:
        raise ConfigError(
            f"SECRET_KEY must be set, to at least {SECRET_KEY_MIN_LENGTH} random characters, "
            f"{SECRET_KEY_MIN_VARIED} of them different "
            '(python -c "import secrets; print(secrets.token_hex(32))" prints a good one).'
        )
    return secret_key


def _check_names(environ: Mapping[str, str]) -> None:
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in NAMES)
    if unknown:
        raise ConfigError(
            f"{unknown[0]} is not a setting; those that begin so are {', '.join(sorted(NAMES))}."
        )
