"""Hold every setting: its environment variable, its default and what a good value is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
INSTANCE = PROJECT / "instance"
SECRET_KEY_MIN_LENGTH = 32


class ConfigError(ValueError):
    """Raised for a setting that is missing or bad; the message names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process.

    `from_environ` reads them once, at start; nothing reads the environment later.
    """

    secret_key: str
    database_url: str
    statement_timeout_ms: int = 15_000
    login_days: int = 14

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from the environment; raise ConfigError naming the bad one."""
        secret_key = environ.get("SECRET_KEY", "")
        if len(secret_key) < SECRET_KEY_MIN_LENGTH:
            raise ConfigError(
                f"SECRET_KEY must be set, to at least {SECRET_KEY_MIN_LENGTH} random characters "
                '(python -c "import secrets; print(secrets.token_hex(32))" prints a good one).'
            )
        return cls(secret_key=secret_key, database_url=database_url(environ))


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return the SQLAlchemy URL of the database: DATABASE_URL, or SQLite under `instance/`."""
    url = environ.get("DATABASE_URL", "") or f"sqlite:///{INSTANCE / 'stepboard.sqlite'}"
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    if url.startswith(("sqlite:///", "postgresql+psycopg://")):
        return url
    raise ConfigError(
        "DATABASE_URL must begin with sqlite:/// or postgresql://, for example "
        "sqlite:////var/lib/stepboard/stepboard.sqlite or postgresql://user:password@host/name."
    )
