"""Commands for the bases that are known here: `flask sources`."""

import click
from click import ClickException

from ..columns import utc_now
from ..ingest.again import claim_import, import_again
from ..ingest.errors import SourceError
from ..models import Source
from ..queries.sources import find_source_named, find_sources, get_source
from . import bp
from .commands import needs_database
from .completion import complete_sources
from .imports import await_replica, print_summary, progress_report


@bp.cli.group("sources")
def sources() -> None:
    """List the bases that were imported, and import them again."""


@sources.command("list")
@needs_database
def list_sources() -> None:
    """List all bases, a line each."""
    for source in find_sources():
        click.echo(f"{source.name}\t{source.kind}\t{_describe_import(source)}\t{source.path}")


@sources.command("import")
@click.argument("name", shell_complete=complete_sources)
@needs_database
def import_source(name: str) -> None:
    """Import the base NAME again, from where it was: what is new in it is added."""
    source = find_source_named(name)
    if source is None:
        raise ClickException(f"There is no base {name}; 'flask sources list' shows all.")
    if claim_import(source.id) is None:
        raise ClickException(f"{name} is being imported already.")
    _import(source)


@sources.command("import-claimed", hidden=True)
@click.argument("source_id", type=int)
@needs_database
def import_claimed_source(source_id: int) -> None:
    """Import a base for the page that has noted the beginning."""
    _import(get_source(source_id))


def _import(source: Source) -> None:
    try:
        with progress_report() as report:
            summary = import_again(source, report)
    except SourceError as error:
        raise ClickException(str(error)) from error
    await_replica()
    print_summary(summary)


def _describe_import(source: Source) -> str:
    if source.import_began_at:
        seconds = (utc_now() - source.import_began_at).total_seconds()
        return f"importing for {seconds:.0f} s"
    if source.import_error:
        return f"failed: {source.import_error}"
    done = source.imported_at
    return f"imported {done:%Y-%m-%d %H:%M}Z" if done else "never imported"
