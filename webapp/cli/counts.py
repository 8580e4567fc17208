"""`flask counts`: hold what is kept of steps against the steps, and mend it."""

from itertools import chain, islice

import click

from ..extensions import db
from ..ingest.rebuilding import rebuild_counts
from ..ingest.recounting import Difference, Recount
from ..models import Run
from ..queries.kept_counts import count_kept
from . import bp
from .commands import needs_database

SHOWN_DIFFERENCES = 20


@bp.cli.group("counts")
def counts() -> None:
    """Check and mend the kept counts of steps, and where their names and durations are.

    Lists and totals are made from these.
    """


@counts.command("check")
@click.pass_context
@needs_database
def check_counts(ctx: click.Context) -> None:
    """Count all steps and compare; the exit code is 1 when something kept is wrong or missing."""
    differences = chain.from_iterable(Recount(db.engine))
    shown = list(islice(differences, SHOWN_DIFFERENCES))
    if not shown:
        n_steps, n_counts = count_kept()
        click.echo(f"ok: {n_steps:,} steps, {n_counts:,} counts")
        return
    click.echo(f"{'kept':>14} {'counted':>14}  of")
    for one in shown:
        click.echo(f"{one.kept:>14,} {one.counted:>14,}  {_describe(one)}")
    if n_more := sum(1 for _ in differences):
        click.echo(f"and {n_more:,} more.")
    click.echo("'flask counts rebuild' mends them.")
    ctx.exit(1)


@counts.command("rebuild")
@needs_database
def rebuild() -> None:
    """Mend all that is wrong or missing, while the database is read and written."""
    n_mended = rebuild_counts(db.engine)
    click.echo(f"Mended {n_mended:,} {'count' if n_mended == 1 else 'counts'}.")


def _describe(one: Difference) -> str:
    """Return where a count stands: its table and key, with what cannot be printed escaped."""
    if one.table.name == Run.__tablename__:
        run_id, status = one.key
        return f"runs id={run_id} steps_{status}"
    names = one.table.primary_key.columns.keys()
    parts = (f"{name}={value!r}" for name, value in zip(names, one.key, strict=True))
    return " ".join((one.table.name, *parts))
