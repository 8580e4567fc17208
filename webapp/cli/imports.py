"""`flask import ...`: bring in a base."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import orjson
from flask import current_app

from ..config import Settings
from ..ingest.errors import SourceError
from ..ingest.osmedeus.importer import import_base
from ..ingest.osmedeus.run_writer import Report
from ..ingest.osmedeus.summary import ImportSummary
from ..replica import ReplicaError, wait_for_replica
from . import bp
from .commands import needs_database


@bp.cli.group("import")
def import_group() -> None:
    """Bring in the runs and steps of another program."""


@import_group.command("osmedeus")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--workspaces", type=click.Path(path_type=Path), help="The folder of workspaces.")
@click.option("--name", help="What to call this base here; by default its folder's name.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@needs_database
def import_osmedeus(path: Path, workspaces: Path | None, name: str | None, as_json: bool) -> None:
    """Import an Osmedeus base: its folder, or its database file. Twice changes nothing."""
    try:
        with progress_report() as report:
            summary = import_base(path, workspaces, name, report=report)
    except SourceError as error:
        raise click.ClickException(str(error)) from error
    await_replica()
    if as_json:
        click.echo(orjson.dumps(summary.to_dict(), option=orjson.OPT_INDENT_2))
    else:
        print_summary(summary)


def await_replica() -> None:
    """Wait until the replica, if there is one, has what was imported; say so if it has not."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.replica_url:
        try:
            wait_for_replica(settings.replica_most_behind_s)
        except ReplicaError as error:
            click.echo(f"The replica does not have it yet: {error}.", err=True)


def print_summary(summary: ImportSummary) -> None:
    """Print what an import found and did."""
    click.echo(f"Imported {summary.source} from {summary.database}")
    lines = summary.to_lines()
    width = max(len(what) for what, _ in lines) + 2
    for what, how_many in lines:
        click.echo(f"  {what:<{width}}{how_many}")


@contextmanager
def progress_report() -> Iterator[Report]:
    """Yield what shows progress on standard error: a bar on a terminal, else plain lines."""
    if not sys.stderr.isatty():
        yield _PlainReport()
        return
    # A web worker has all commands, and would keep 7 MB for what draws the bar.
    from .progress_bar import progress_bar

    with progress_bar() as report:
        yield report


class _PlainReport:
    """Print a line when something else begins, and at each tenth of it."""

    def __init__(self) -> None:
        self._last: tuple[str, int] = ("", -1)

    def __call__(self, what: str, done: int, total: int) -> None:
        tenth = done * 10 // total if total else 0
        if (what, tenth) != self._last:
            self._last = (what, tenth)
            amount = f": {done:,} of {total:,}" if total else ""
            print(what + amount, file=sys.stderr, flush=True)
