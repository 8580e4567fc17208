"""`flask copy-database`, `flask backup`, `flask restore`: move a database, and keep it safe."""

import shlex
from collections.abc import Callable
from pathlib import Path

import click
from click import ClickException
from flask import current_app
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError

from ..backups import BackupError, Report, is_older, make_backup, restore_backup
from ..config import ConfigError, read_database_url
from ..database import first_line_of
from ..ingest.copying import CopyError, TableCount, copy_database
from . import bp
from .imports import progress_report


@bp.cli.command("copy-database")
@click.argument("from", type=str)
@click.argument("to", type=str)
def copy_whole_database(**given: str) -> None:
    """Copy the database FROM into the empty one TO: URLs, or paths of SQLite files."""
    from_url, to_url = (_read_url(name.upper(), given[name]) for name in ("from", "to"))
    _check_is_there(from_url)
    try:
        with progress_report() as report:
            counts = copy_database(from_url, to_url, report)
    except CopyError as error:
        raise ClickException(f"Nothing was copied: {error}") from error
    except DBAPIError as error:
        raise ClickException(f"Nothing was copied: {first_line_of(error)}.") from error
    _print_counts(counts)


def _read_url(name: str, given: str) -> str:
    try:
        is_path = "://" not in given
        return read_database_url(name, f"sqlite:///{Path(given).absolute()}" if is_path else given)
    except ConfigError as error:
        raise ClickException(str(error)) from error


def _check_is_there(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite") and not path.is_file():
        raise ClickException(f"There is no file {path}.")


def _print_counts(counts: list[TableCount]) -> None:
    width = max(len(table) for table, *_ in counts)
    click.echo(f"{'table':<{width}} {'rows in FROM':>14} {'rows in TO':>14}")
    for table, n_from, n_to in counts:
        click.echo(f"{table:<{width}} {n_from:>14,} {n_to:>14,}")
    click.echo("All is there, and the kept counts of steps are right.")


FILE = click.argument("file", type=click.Path(path_type=Path))


@bp.cli.command("backup")
@FILE
@click.option("--force", is_flag=True, help="Replace a file of that name.")
def back_up(file: Path, force: bool) -> None:
    """Write the SQLite database to FILE, while it is used; it is checked then."""
    database = _sqlite_file(f"pg_dump --format=custom --file={shlex.quote(str(file))}")
    revision = _told(lambda report: make_backup(database, file, force, report))
    click.echo(f"Wrote {file}: {file.stat().st_size:,} bytes, revision {revision}, checked.")


@bp.cli.command("restore")
@FILE
@click.option("--force", is_flag=True, help="Replace a database that holds rows.")
def restore(file: Path, force: bool) -> None:
    """Put the backup FILE in the place of the SQLite database; stop the server first."""
    database = _sqlite_file(
        f"pg_restore --clean --if-exists --single-transaction {shlex.quote(str(file))}"
    )
    was_there = database.exists()
    revision = _told(lambda report: restore_backup(file, database, force, report))
    click.echo(f"Restored {database} from {file}, revision {revision}.")
    if was_there:
        click.echo(f"What was there before is in {database}.before-restore.")
    click.echo("Users, tokens and sessions are those of the backup.")
    if is_older(revision):
        click.echo("It is older than this version: run 'flask db upgrade'.")


def _sqlite_file(postgresql_command: str) -> Path:
    """Return the file of the database; of PostgreSQL's, say by which command it is done."""
    url = make_url(current_app.config["SQLALCHEMY_DATABASE_URI"])
    if url.drivername == "sqlite":
        return Path(url.database or "")
    raise ClickException(
        "PostgreSQL has its own tool for this; run: "
        f"{postgresql_command} --dbname={shlex.quote(_without_password(url))}"
    )


def _without_password(url: URL) -> str:
    named = url.set(drivername="postgresql").difference_update_query(["password"])
    return URL.create(
        named.drivername, named.username, None, named.host, named.port, named.database, named.query
    ).render_as_string(hide_password=False)


def _told(act: Callable[[Report], str]) -> str:
    """Do it with a report of progress; say in one line what is wrong."""
    try:
        with progress_report() as report:
            return act(report)
    except BackupError as error:
        raise ClickException(str(error)) from error
