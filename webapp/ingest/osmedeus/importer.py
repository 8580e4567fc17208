"""Import a base: its rows, and from its logs the steps that the database does not have."""

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
from ..interpreter import set_for_bulk
from ..sources import find_or_make_source
from .base import Base, Folder, find_base, find_folders
from .console_log import read_console_log
from .console_steps import find_console_steps
from .database import SourceDatabase, SourceRun
from .database_file import opened
from .execution_log import read_execution_log
from .gathering import StepsOfRuns
from .matching import FolderLog, Outcome, match_steps
from .openings import Openings
from .row_store import RowStore
from .run_writer import Report, RunWriter
from .spans import Candidate
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
    # To read a base can take long, and the database is not asked meanwhile.
    db.session.rollback()
    with (
        set_for_bulk(),
        _conflicts_explained(),
        opened(base.database) as connection,
        RowStore() as store,
    ):
        database = SourceDatabase(connection, base.database)
        run = _Import(base, database, store, find_shifts, report)
        run.read()
        source = find_or_make_source(KIND, base.database, base.workspaces, name)
        return run.write(source)


class _Import:
    """One import: first everything is read and matched, then it is written."""

    def __init__(
        self,
        base: Base,
        database: SourceDatabase,
        store: RowStore,
        find_shifts: Shifts,
        report: Report,
    ) -> None:
        self._base = base
        self._database = database
        self._store = store
        self._find_shifts = find_shifts
        self._report = report
        self._folders = find_folders(base.workspaces) if base.workspaces else []
        self.summary = ImportSummary("", str(base.database), str(base.workspaces or ""))

    def read(self) -> None:
        """Read the rows and the logs, and find the run of each line."""
        self._report("reading the database", 0, 0)
        with self._database.one_moment():
            self._runs = self._database.find_runs()
            self._store.fill(self._runs, self._database.read_rows(self._runs))
        self.summary.runs_in_database, self.summary.rows = len(self._runs), self._store.count()
        self.summary.kept_out.update(self._store.count_kept_out())
        logs = [self._read_folder(folder) for folder in self._folders]
        self._report("matching", 0, 0)
        self._matching = match_steps(self._runs, self._store.find_said, logs)
        self._steps = StepsOfRuns(self._store, self._matching)
        for number, folder in enumerate(self._folders):
            self._read_console(folder, logs[number], self._matching.openings[number])
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
        run_writer.write(self._runs, self._steps, self._store.find_orphans(), self.summary)
        done = run_writer.writer.summary
        self.summary.runs, self.summary.steps = done.runs, done.steps
        self.summary.artifacts = done.artifacts
        with writing():
            source.imported_at, source.summary = utc_now(), self.summary.to_dict()
            record(Action.IMPORTED, source.name, **_tell_new(self.summary))
        return self.summary

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

    def _read_console(self, folder: Folder, log: FolderLog, openings: Openings) -> None:
        """Find the skipped and the running steps of the folder's last run."""
        last = openings.last_run
        if folder.console_log is None or last is None or last.run is None:
            return
        with folder.console_log.open(encoding="utf-8", errors="replace", newline="\n") as file:
            sections = read_console_log(file)
        is_crowded = _is_crowded(last, openings.candidates)
        ended = self._steps.of(last.run).ended
        found = find_console_steps(sections, last, ended, log.workflow, is_crowded)
        self._steps.add_console(last.run, found)

    def _sum_up(self, logs: list[FolderLog]) -> None:
        outcomes = self._matching.outcomes
        self.summary.rows_in_logs_too = self._matching.in_both
        self.summary.log_steps = sum(1 for log in logs for _ in log.log.step_lines())
        self.summary.not_placed.update(
            {outcome.value: n for outcome, n in outcomes.items() if outcome != Outcome.PLACED}
        )
        self.summary.recovered.update(self._steps.count_recovered())
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
        why = "The database cannot be written; mend that, and import it again"
        if isinstance(error, IntegrityError):
            why = "Somebody else changed what it refers to, or imported it; import it again"
        elif why_try_again(error):
            why = "The database was busy, perhaps with another import; import it again"
        raise SourceError(f"{why} ({first_line_of(error)}).") from error


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
