"""Import a base: its rows, and from its logs the steps that the database does not have."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError, OperationalError

from ...audit import record
from ...columns import utc_now
from ...database import first_line_of
from ...extensions import db
from ...models import Action, Source
from ...transactions import why_try_again, writing
from ..errors import SourceError
from ..sources import find_or_make_source
from .base import Base, Folder, find_base, find_folders
from .console_log import read_console_log
from .console_steps import find_console_steps
from .database import SourceDatabase, SourceRow, SourceRun
from .database_file import opened
from .execution_log import read_execution_log
from .matching import FolderLog, Matching, Outcome, match_steps
from .run_writer import Report, RunWriter
from .spans import Candidate
from .step_records import STATUSES, RunSteps
from .summary import ImportSummary
from .workflow_file import MAX_BYTES, Workflow, read_workflow

KIND = "osmedeus"

# Returns how far a run is moved in time; only the demo moves any.
Shifts = Callable[[list[SourceRun]], dict[str, timedelta]]


def _unmoved(_: list[SourceRun]) -> dict[str, timedelta]:
    return {}


def _tell_new(summary: ImportSummary) -> dict[str, Any]:
    """Return what an audit event tells of an import."""
    return {
        "new_runs": summary.runs.added,
        "new_steps": summary.steps.added,
        "changed_steps": summary.steps.changed,
    }


def _silent(_: str, __: int, ___: int) -> None:
    """Report nothing."""


def import_base(
    path: Path,
    workspaces: Path | None = None,
    name: str | None = None,
    find_shifts: Shifts = _unmoved,
    report: Report = _silent,
) -> ImportSummary:
    """Import a base, or what is new in it since the last time, and return what was found.

    `path` is the base's folder or its database file; `workspaces` the folder of its workspaces,
    by default the one beside the base; `name` the source's name here. `report` is told what is
    being done, how much of it is done, and how much there is. Needs an application context.

    Raises SourceError, with nothing imported, for what is missing, damaged or not Osmedeus's.
    Rules: the mapping of a base described in docs/import.md.
    """
    base = find_base(path, workspaces)
    with _without_collector(), _conflicts_explained(), opened(base.database) as connection:
        database = SourceDatabase(connection, base.database)
        run = _Import(base, database, find_shifts, report)
        run.read()
        source = find_or_make_source(KIND, base.database, base.workspaces, name)
        return run.write(source)


class _Import:
    """One import: first everything is read and matched, then it is written."""

    def __init__(
        self, base: Base, database: SourceDatabase, find_shifts: Shifts, report: Report
    ) -> None:
        self._base = base
        self._database = database
        self._find_shifts = find_shifts
        self._report = report
        self._keys: set[str] = set()
        self._folders = find_folders(base.workspaces) if base.workspaces else []
        self.summary = ImportSummary("", str(base.database), str(base.workspaces or ""))

    def read(self) -> None:
        """Read the rows and the logs, and find the run of each line."""
        self._report("reading the database", 0, 0)
        with self._database.one_moment():
            self._runs = self._database.find_runs()
            rows = self._database.find_rows(self._runs)
        self.summary.runs_in_database, self.summary.rows = len(self._runs), len(rows)
        kept = [row for row in rows if self._is_kept(row)]
        self._orphans = [row for row in kept if row.run_key is None]
        logs = [self._read_folder(folder) for folder in self._folders]
        self._report("matching", 0, 0)
        self._matching = match_steps(self._runs, kept, logs)
        self._steps = {run.key: self._steps_of(run) for run in self._runs}
        for number, folder in enumerate(self._folders):
            self._read_console(folder, logs[number], self._matching, number)
        self._sum_up(logs)

    def write(self, source: Source) -> ImportSummary:
        """Write what was read, and keep the summary with the source."""
        self.summary.source = source.name
        run_writer = RunWriter(
            engine=db.engine,
            source_id=source.id,
            database=self._database,
            log_files=[folder.execution_log for folder in self._folders],
            shifts=self._find_shifts(self._runs),
            report=self._report,
        )
        # A transaction left open would keep the state of the database as it is now.
        db.session.rollback()
        run_writer.write(self._runs, self._steps, self._orphans, self.summary)
        done = run_writer.writer.summary
        self.summary.runs, self.summary.steps = done.runs, done.steps
        self.summary.artifacts = done.artifacts
        with writing():
            source.imported_at, source.summary = utc_now(), self.summary.to_dict()
            record(Action.IMPORTED, source.name, **_tell_new(self.summary))
        return self.summary

    def _is_kept(self, row: SourceRow) -> bool:
        """Tell whether a row can be imported; count why when it cannot."""
        if row.status in STATUSES and row.key and row.key not in self._keys:
            self._keys.add(row.key)
            return True
        why = f"unknown status {row.status[:40]!r}" if row.key else "no id"
        why = "an id that another step has" if row.key in self._keys else why
        self.summary.kept_out[why] += 1
        return False

    def _read_folder(self, folder: Folder) -> FolderLog:
        workflow = _read_workflow_file(folder.workflow_file)
        if folder.execution_log is None:
            return FolderLog(folder.name, read_execution_log(()), workflow)
        self._report("reading the logs", self.summary.log_files, len(self._folders))
        with folder.execution_log.open("rb") as file:
            log = read_execution_log(file)
        self.summary.log_files += 1
        self.summary.damaged_lines += log.damaged_lines
        return FolderLog(folder.name, log, workflow)

    def _steps_of(self, run: SourceRun) -> RunSteps:
        # Taken out: so many need not be in memory twice.
        ended = self._matching.steps.pop(run.key, [])
        return RunSteps(run.key, run.started_at, run.completed_at, ended)

    def _read_console(
        self, folder: Folder, log: FolderLog, matching: Matching, number: int
    ) -> None:
        """Find the skipped and the running steps of the folder's last run."""
        openings = matching.openings[number]
        last = openings.last_run
        if folder.console_log is None or last is None or last.run is None:
            return
        steps = self._steps[last.run.key]
        with folder.console_log.open(encoding="utf-8", errors="replace", newline="\n") as file:
            sections = read_console_log(file)
        is_crowded = _is_crowded(last, openings.candidates)
        found = find_console_steps(sections, last, steps.ended, log.workflow, is_crowded)
        if not steps.console.skipped and not steps.console.running:
            steps.console = found

    def _sum_up(self, logs: list[FolderLog]) -> None:
        outcomes = self._matching.outcomes
        self.summary.rows_in_logs_too = self._matching.in_both
        self.summary.log_steps = sum(1 for log in logs for _ in log.log.step_lines())
        self.summary.not_placed.update(
            {outcome.value: n for outcome, n in outcomes.items() if outcome != Outcome.PLACED}
        )
        for steps in self._steps.values():
            for ended in steps.ended:
                if ended.row is None and ended.line is not None:
                    self.summary.recovered["failed" if ended.line.failed else "completed"] += 1
            self.summary.recovered["skipped"] += len(steps.console.skipped)
            self.summary.recovered["running"] += len(steps.console.running)
        if self._base.workspaces is None:
            self.summary.notes.append(
                "No workspaces were found: failed and lost steps stand only in their logs. "
                "Say where they are with --workspaces PATH."
            )


@contextmanager
def _conflicts_explained() -> Iterator[None]:
    """Say it in one line when the database gave up; what is written stays whole."""
    try:
        yield
    except (OperationalError, IntegrityError) as error:
        db.session.rollback()
        is_conflict = isinstance(error, IntegrityError) or why_try_again(error)
        why = (
            "The database was busy, perhaps with another import; import it again"
            if is_conflict
            else "The database cannot be written; mend that, and import it again"
        )
        raise SourceError(f"{why} ({first_line_of(error)}).") from error


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the search for cyclic garbage.

    What is read of a base is a great many small objects without cycles, which it would walk
    through again and again: a fifth of the time of an import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _is_crowded(last: Candidate, candidates: list[Candidate]) -> bool:
    """Tell whether other runs wrote to the same console while this one ran."""
    assert last.run is not None
    if last.run.text("trigger_type") != "cli":
        return True
    others = (one for one in candidates if one is not last)
    return any(_ends_after(one, last.opened_at) for one in others)


def _ends_after(candidate: Candidate, moment: int) -> bool:
    if candidate.last is not None:
        return False
    return candidate.completed_at is None or candidate.completed_at > moment


def _read_workflow_file(path: Path | None) -> Workflow | None:
    if path is None:
        return None
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    return read_workflow(data.decode("utf-8", "replace")) if len(data) <= MAX_BYTES else None
