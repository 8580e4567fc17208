"""Gather the steps of one run at a time: what its rows, the logs and its console tell."""

from collections import Counter
from collections.abc import Iterable

from .console_steps import ConsoleSteps
from .database import SourceRun
from .matching import Ended, Matching
from .row_store import RowStore
from .step_records import RunSteps


class StepsOfRuns:
    """The steps of each run, put together when they are wanted."""

    def __init__(self, store: RowStore, matching: Matching) -> None:
        """Take the rows that can be imported, and which run the lines of the logs belong to."""
        self._store = store
        self._matching = matching
        self._console: dict[str, ConsoleSteps] = {}

    def of(self, run: SourceRun) -> RunSteps:
        """Return all that is known of the steps of a run; raise SourceError as the store does."""
        ended = self._matching.steps_of(run.key, self._store.find_of_run(run.key))
        console = self._console.get(run.key, ConsoleSteps())
        return RunSteps(run.key, run.started_at, run.completed_at, ended, console)

    def add_console(self, run: SourceRun, found: ConsoleSteps) -> None:
        """Note the steps that a console tells of, unless another one told of some before."""
        before = self._console.get(run.key, ConsoleSteps())
        if not before.skipped and not before.running:
            self._console[run.key] = found

    def forget(self, run: SourceRun) -> None:
        """Let a run go that is written, so that its lines need no memory any more."""
        self._matching.places.pop(run.key, None)

    def count_recovered(self) -> Counter[str]:
        """Count the steps that are no rows, by what became of them."""
        of_lines = self._matching.recovered
        counts = Counter({"completed": of_lines[False], "failed": of_lines[True]})
        for console in self._console.values():
            counts["skipped"] += len(console.skipped)
            counts["running"] += len(console.running)
        return counts

    def find_types(self, runs: Iterable[SourceRun]) -> dict[tuple[str, str], str]:
        """Return the type of each step by (module, name), where a console tells none of one.

        Of a step that had several types the last counts, by the order of `runs`.
        """
        wanted = {
            step.module_name
            for console in self._console.values()
            for step in (*console.skipped, *console.running)
            if not step.step_type
        }
        types: dict[tuple[str, str], str] = {}
        for run in runs if wanted else ():
            workflow = run.text("workflow_name")
            # Only lines tell the modules of a flow.
            if workflow in wanted or run.key in self._matching.places:
                for ended in self.of(run).ended:
                    types[ended.module_name or workflow, ended.name] = _type_of(ended)
        return types


def _type_of(ended: Ended) -> str:
    if ended.row is not None:
        return ended.row.step_type
    return ended.line.step_type if ended.line else ""
