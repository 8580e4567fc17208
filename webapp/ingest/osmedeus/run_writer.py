"""Write the runs of a base, each with its steps in order; texts are read one step at a time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Engine, Row

from ...models import StepStatus
from ..errors import SourceError
from ..records import ArtifactRecord
from ..stored_steps import find_stored_steps, has_steps
from ..writer import Writer
from .cells import as_text
from .database import SourceDatabase, SourceRow, SourceRun, Texts
from .execution_log import read_output
from .gathering import StepsOfRuns
from .matching import Ended
from .run_records import artifact_record, missing_run_record, run_record
from .step_records import Place, RunSteps, find_places, place_key, step_record
from .summary import ImportSummary
from .times import from_moment

# Told what is done, how much of it is done, and how much there is (0: not known).
Report = Callable[[str, int, int], None]
RUNS_PER_BATCH = 500
STILL = timedelta()
REPORT_EVERY = 1_000
ROWS_AT_ONCE = 100


class RunWriter:
    """Write what was read of one base."""

    def __init__(
        self,
        engine: Engine,
        source_id: int,
        database: SourceDatabase,
        log_files: Sequence[Path | None],
        shifts: dict[str, timedelta],
        report: Report,
    ) -> None:
        """Take what to read from, where to write, and how far each run is moved in time."""
        self.writer = Writer(engine, source_id)
        self._engine = engine
        self._is_first = not has_steps(engine, source_id)
        self._database = database
        self._log_files = log_files
        self._shifts = shifts
        self._report = report
        self._stack = ExitStack()
        self._open_logs: dict[int, BinaryIO] = {}
        self._types: dict[tuple[str, str], str] = {}
        self._done = self._total = 0

    def write(
        self,
        runs: Sequence[SourceRun],
        steps: StepsOfRuns,
        orphans: Iterable[SourceRow],
        summary: ImportSummary,
    ) -> None:
        """Write the runs with their steps, then steps without a run, then artifacts."""
        self._total = summary.rows - sum(summary.kept_out.values()) + summary.recovered.total()
        self._types = steps.find_types(runs)
        run_ids: dict[str, int] = {}
        with self._stack, self.writer:
            for start in range(0, len(runs), RUNS_PER_BATCH):
                some = runs[start : start + RUNS_PER_BATCH]
                records = [run_record(run, self._shift(run.key)) for run in some]
                run_ids |= self.writer.put_runs(records)
                for run in some:
                    self._write_steps(steps.of(run), run_ids[run.key], run.text("workspace"))
                    steps.forget(run)
            self._write_orphans(orphans)
            self._write_artifacts(runs, run_ids, summary)

    def _write_steps(self, steps: RunSteps, run_id: int, workspace: str) -> None:
        """Write one run's steps, but for those that are here already as they should be."""
        places = find_places(steps, lambda module, name: self._types.get((module, name), ""))
        stored = [] if self._is_first else find_stored_steps(self._engine, run_id)
        settled = _find_settled(places, stored, steps.run_key)
        n_places = len(places)
        places = [place for place in places if place.row or place.place_key not in settled]
        self.writer.summary.steps.unchanged += n_places - len(places)
        _number(places, {row.source_key: row.position for row in stored})
        if steps.completed_at is not None:
            self._remove_unended(places, stored, run_id)
        known = {row.source_key: tuple(row)[1:-1] for row in stored}
        # Only the logs tell the modules; a log that is gone takes nothing away.
        modules = {row.source_key: row.module_name for row in stored}
        for place in places:
            if place.line is None:
                place.module_name = place.module_name or modules.get(place.key, "")
        written = [
            place
            for place in places
            if not known or known.get(place.key) not in _as_they_should_be(place, workspace)
        ]
        self.writer.summary.steps.unchanged += len(places) - len(written)
        self._count_done(len(places) - len(written))
        shift = self._shift(steps.run_key)
        for place, texts in zip(written, self._read_texts(written), strict=True):
            self.writer.put_step(step_record(place, texts, run_id, workspace, shift))
            self._count_done(1)

    def _count_done(self, n_steps: int) -> None:
        """Count steps that are done; tell of each thousandth, and of the last one."""
        for _ in range(n_steps):
            self._done += 1
            if self._done % REPORT_EVERY == 0 or self._done == self._total:
                self._report("writing steps", self._done, self._total)

    def _remove_unended(
        self, places: Sequence[Place], stored: Sequence[Row[Any]], run_id: int
    ) -> None:
        """Remove what was at work when last seen, and came to no end though its run did."""
        found = {key for place in places for key in (place.key, place.place_key)}
        unended = [
            row.source_key
            for row in stored
            if row.status == StepStatus.RUNNING and row.recovered and row.source_key not in found
        ]
        if unended:
            self.writer.remove_steps(run_id, unended)

    def _read_texts(self, places: Sequence[Place]) -> Iterator[Texts]:
        """Yield the texts of each step, those of several rows at once."""
        found: dict[int, Texts] = {}
        for index, place in enumerate(places):
            row = place.row
            if row is None:
                yield self._read_log(place)
                continue
            if row.rowid not in found:
                next_places = places[index : index + ROWS_AT_ONCE]
                found = self._database.read_texts([one.row for one in next_places if one.row])
            yield found.pop(row.rowid)

    def _read_log(self, place: Place) -> Texts:
        if place.line is None:
            return Texts(place.command, "", "", None, None)
        path = self._log_files[place.folder]
        try:
            file = self._open_log(place.folder)
            file.seek(place.line.offset)
            output = read_output(file.read(place.line.length), place.line)
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
        if output is None:
            raise SourceError(f"{path} changed while it was read; import it again.")
        return Texts(place.line.command, output, place.line.error, None, None)

    def _open_log(self, folder: int) -> BinaryIO:
        if folder not in self._open_logs:
            path = self._log_files[folder]
            assert path is not None
            # One at a time: a base may have more folders than a process may open files.
            self._stack.close()
            self._open_logs = {folder: self._stack.enter_context(path.open("rb"))}
        return self._open_logs[folder]

    def _write_orphans(self, orphans: Iterable[SourceRow]) -> None:
        """Write the steps whose run the database does not have, under a run that says so.

        They come in the order of what they say of their run, then of their ends.
        """
        for hint, group in groupby(orphans, key=lambda row: row.run_hint):
            rows = list(group)
            first_seen = from_moment(min(row.started_at or row.completed_at or 0 for row in rows))
            record = missing_run_record(hint, first_seen)
            run_id = self.writer.put_runs([record])[record.source_key]
            ended = [Ended(row, None) for row in rows]
            self._write_steps(RunSteps(record.source_key, None, None, ended), run_id, "")

    def _write_artifacts(
        self, runs: Sequence[SourceRun], run_ids: dict[str, int], summary: ImportSummary
    ) -> None:
        by_id = {run.text("id"): run.key for run in runs}
        records: dict[str, ArtifactRecord] = {}
        for row in self._database.find_artifacts():
            key = by_id.get(as_text(row.get("run_id")))
            if key is None:
                summary.kept_out["artifact of a run that is not in the database"] += 1
                continue
            record = artifact_record(row, run_ids[key], self._shift(key))
            if record.source_key in records or not record.source_key:
                summary.kept_out["artifact without an id of its own"] += 1
            else:
                records[record.source_key] = record
        self.writer.put_artifacts(records.values())

    def _shift(self, run_key: str) -> timedelta:
        return self._shifts.get(run_key, STILL)


def _find_settled(places: Sequence[Place], stored: Sequence[Row[Any]], run_key: str) -> set[str]:
    """Return the place keys of lines whose row is here, though the source has it no more.

    Taken for steps of their own they would stand here twice.
    """
    keys = {place.key for place in places}
    ordinals: Counter[str] = Counter()
    settled = set()
    for row in stored:
        if row.status in (StepStatus.COMPLETED, StepStatus.FAILED):
            ordinals[row.step_name] += 1
            if not row.recovered and row.source_key not in keys:
                settled.add(place_key(run_key, ordinals[row.step_name], row.step_name))
    return settled


def _number(places: Sequence[Place], stored: dict[str, int]) -> None:
    """Give each step its position; one that is here but not found any more keeps its own."""
    found = {key for place in places for key in (place.key, place.place_key)}
    kept = {position for key, position in stored.items() if key not in found}
    position = 0
    for place in places:
        position += 1
        while position in kept:
            position += 1
        place.position = position


def _as_they_should_be(place: Place, workspace: str) -> list[tuple[object, ...]]:
    """Return what may stand in the database of a step that needs no change.

    A line that was cut when it was last read is whole now and tells what the step printed: the
    step that came of it is the one that has no texts. What had texts once keeps them.
    """
    compared = (
        place.position,
        place.status.value,
        place.recovered.value,
        place.module_name,
        workspace,
        place.duration_ms,
    )
    line = place.line if place.row is None else None
    has_texts = line is not None and (line.has_output or bool(line.error))
    return [(*compared, True)] if has_texts else [(*compared, True), (*compared, False)]
