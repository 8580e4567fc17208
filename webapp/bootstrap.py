"""Make ready what a first start on this machine needs: folder, key, tables, a user."""

import errno
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import DBAPIError

from . import create_app
from .accounts import AccountError, add_account, check_password, make_up_password
from .config import SECRET_KEY_MIN_LENGTH, ConfigError, Settings, instance_folder
from .database import DatabaseVersionError, first_line_of, prepare_database
from .extensions import db
from .models import Role
from .queries.users import count_users
from .serving import end_with_parent, hear_sigterm, settle_memory

ADMIN = "admin"


class StartError(RuntimeError):
    """Raised for what keeps Stepboard from starting; the message is one clear line."""


def check_port(host: str, port: int) -> None:
    """Raise StartError unless a server can listen there."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise StartError(
            f"Cannot listen on {host}:{port}: {error.strerror}. "
            "Choose another with --port (make run PORT=...)."
        ) from error


def check_socket(path: Path) -> None:
    """Raise StartError unless a server can listen on a Unix socket there.

    One that a killed server left behind is removed.
    """
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            if path.is_socket() and probe.connect_ex(str(path)) != errno.ECONNREFUSED:
                raise StartError(f"Cannot listen on {path}: another server answers there.")
        if path.is_socket():
            path.unlink()
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(path))
        path.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError(f"Cannot listen on {path}: {reason}. Choose another --uds.") from error


def make_local_app() -> Flask:
    """Make the application of this machine: its secret key is kept in the instance folder.

    Puts SECRET_KEY into the environment, where the server's worker finds it. Raises StartError.
    """
    folder = instance_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_writable(folder)
        os.environ["SECRET_KEY"] = os.environ.get("SECRET_KEY") or _read_or_make_key(folder)
        return create_app()
    except OSError as error:
        raise StartError(f"Cannot use the folder {folder}: {error.strerror}.") from error
    except ConfigError as error:
        raise StartError(str(error)) from error


def prepare(app: Flask) -> None:
    """Make the tables in an empty database; raise StartError for one that cannot be used.

    StartError too for a first user's password that is not good enough: the user is made later.
    """
    given = Settings.from_environ().admin_password
    with _usable_database(app):
        prepare_database()
        if not given or count_users():
            return
    try:
        check_password(given, ADMIN)
    except AccountError as error:
        raise StartError(f"STEPBOARD_ADMIN_PASSWORD cannot be used: {error}") from error


def make_first_user(app: Flask) -> str | None:
    """Make the user admin when there is none; return the password if it was made up here."""
    given = Settings.from_environ().admin_password
    with _usable_database(app):
        if count_users():
            return None
        password = given or make_up_password()
        add_account(ADMIN, Role.ADMIN, password)
        return None if given else password


@contextmanager
def _usable_database(app: Flask) -> Iterator[None]:
    try:
        with app.app_context():
            yield
    except DatabaseVersionError as error:
        raise StartError(str(error)) from error
    except DBAPIError as error:
        raise StartError(f"Cannot use the database: {first_line_of(error)}.") from error


def make_worker_app() -> Flask:
    """Make the application in the server's worker, which its parent ends with SIGTERM.

    Ctrl-C reaches both of them. Two signals at once may lock granian's worker up, so it does not
    hear that one.
    """
    hear_sigterm()
    end_with_parent()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    app = create_app()
    settle_memory()
    return app


def close(app: Flask) -> None:
    """Close the connections: none may be open when the server forks."""
    with app.app_context():
        db.engine.dispose()


def _check_writable(folder: Path) -> None:
    # Asking for permissions is not enough: root has all of them on a read-only disk too.
    probe = folder / f".probe-{os.getpid()}"
    probe.touch(mode=0o600)
    probe.unlink()


def _read_or_make_key(folder: Path) -> str:
    path = folder / "secret_key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_text(encoding="ascii", errors="replace").strip()
        if len(key) < SECRET_KEY_MIN_LENGTH:
            raise StartError(
                f"{path} holds no good key: delete it, and a new one is made."
            ) from None
        return key
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")
    return path.read_text(encoding="ascii").strip()
