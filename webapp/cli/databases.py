"""`flask copy-database`, `flask backup`, `flask restore`: move a database, and keep it safe."""

from pathlib import Path

import click
from click import ClickException
from sqlalchemy.exc import DBAPIError

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
