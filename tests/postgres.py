"""Start a throw-away PostgreSQL cluster from the system's packages."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text


def stop_cluster(folder: Path) -> None:
    """Stop a cluster; who leaves `throwaway_cluster` must have started it again."""
    _as_postgres(folder, "pg_ctl", "stop", "-w", "-D", f"{folder}/data", "-m", "fast")


@contextmanager
def throwaway_cluster() -> Iterator[str]:
    """Run a cluster on a Unix socket only; yield its libpq parameters; leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="stepboard-pg-"))
    try:
        _as_postgres(
            folder, "initdb", "--pgdata", f"{folder}/data", "--auth=trust", "-N", "-E", "UTF8"
        )
        with _running(folder):
            yield f"host={folder}&user={_owner()}"
    finally:
        shutil.rmtree(folder)


def make_database(parameters: str, name: str) -> str:
    """Make an empty database in a cluster; return its URL."""
    admin = create_engine(f"postgresql+psycopg:///postgres?{parameters}")
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return f"postgresql+psycopg:///{name}?{parameters}"


@contextmanager
def throwaway_replica(primary: Path) -> Iterator[str]:
    """Run a copy of a cluster that follows it; yield its libpq parameters; leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="stepboard-replica-"))
    try:
        of = ("-h", str(primary), "-U", _owner(), "--checkpoint=fast", "--no-sync")
        _as_postgres(folder, "pg_basebackup", *of, "-D", f"{folder}/data", "--write-recovery-conf")
        with _running(folder):
            yield f"host={folder}&user={_owner()}"
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(folder: Path) -> Iterator[None]:
    start_cluster(folder)
    try:
        yield
    finally:
        _as_postgres(folder, "pg_ctl", "stop", "-D", f"{folder}/data", "-m", "immediate")


def start_cluster(folder: Path) -> None:
    """Start a cluster that does not run."""
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    start = ("start", "-w", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options)
    _as_postgres(folder, "pg_ctl", *start)


def restart_cluster(folder: Path, mode: str = "fast") -> None:
    """Restart a cluster: mode `fast`, which ends what runs, or `immediate`, which is a crash."""
    restart = ("restart", "-w", "-D", f"{folder}/data", "-m", mode, "-l", f"{folder}/log")
    _as_postgres(folder, "pg_ctl", *restart)


def _owner() -> str:
    # PostgreSQL refuses to run as root; Debian's package makes the user postgres.
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _as_postgres(folder: Path, command: str, *arguments: str) -> None:
    tool = shutil.which(command) or str(_newest_bin() / command)
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        prefix = ("runuser", "-u", "postgres", "--")
    result = subprocess.run(
        (*prefix, tool, *arguments),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"{command} failed: {result.stderr.strip()}")


def _newest_bin() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not versions:
        raise RuntimeError("PostgreSQL is missing: run 'make setup-tests'.")
    return versions[-1]
