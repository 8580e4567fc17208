"""Import the bundled sample as a demo, its runs moved in time so that they look recent."""

from datetime import datetime, timedelta

from ..columns import utc_now
from ..transactions import writing
from .osmedeus.database import SourceRun
from .osmedeus.importer import KIND, import_base
from .osmedeus.run_writer import Report
from .osmedeus.summary import ImportSummary
from .osmedeus.times import from_moment, parse_time, to_moment
from .sample import SAMPLE, unpacked_sample
from .sources import find_or_make_source

NAME = "demo"
SPREAD = timedelta(days=14)
NEWEST_ENDED = timedelta(minutes=3)


def import_demo(report: Report) -> ImportSummary:
    """Import the sample; the moment at which its last run ends is set once and kept."""
    with unpacked_sample() as folder:
        database = folder / "base" / "database-osm.sqlite"
        source = find_or_make_source(KIND, database, folder / "workspaces-osmedeus", NAME)
        with writing():
            moved_to = source.moved_to or utc_now() - NEWEST_ENDED
            source.moved_to = moved_to
        summary = import_base(
            database,
            folder / "workspaces-osmedeus",
            NAME,
            find_shifts=lambda runs: find_shifts(runs, moved_to),
            report=report,
        )
    # The unpacked files are gone; where they came from is what a reader wants to know.
    summary.database, summary.workspaces = SAMPLE.name, ""
    with writing():
        source.path, source.workspaces_path = summary.database, summary.workspaces
        source.summary = summary.to_dict()
    return summary


def find_shifts(runs: list[SourceRun], moved_to: datetime) -> dict[str, timedelta]:
    """Return how far to move each run, by its key.

    Runs that overlapped, or were started together, move together and keep their distances. The
    groups keep their order and end evenly spread over SPREAD, the last one at `moved_to`.
    """
    groups = _groups(runs)
    shifts = {}
    for number, group in enumerate(groups):
        ends_at = moved_to - SPREAD * (len(groups) - 1 - number) / len(groups)
        shift = ends_at - from_moment(max(_times(run)[1] for run in group))
        shifts.update({run.key: shift for run in group})
    return shifts


def _groups(runs: list[SourceRun]) -> list[list[SourceRun]]:
    groups: list[list[SourceRun]] = []
    latest = 0
    for run in sorted(runs, key=_times):
        began, ended = _times(run)
        together = run.text("run_group_id")
        is_with_last = bool(groups) and (
            run.started_at is None
            or began <= latest
            or (together and any(one.text("run_group_id") == together for one in groups[-1]))
        )
        if is_with_last:
            groups[-1].append(run)
        else:
            groups.append([run])
        latest = max(latest, ended)
    return groups


def _times(run: SourceRun) -> tuple[int, int]:
    """Return when a run began and when it gave its last sign of life."""
    created = to_moment(parse_time(run.columns.get("created_at"))) or 0
    updated = to_moment(parse_time(run.columns.get("updated_at"))) or 0
    began = run.started_at if run.started_at is not None else created
    return began, run.completed_at or max(updated, began)
