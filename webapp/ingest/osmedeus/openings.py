"""Tell which run begins and ends where in one execution log; pure.

The lines of a log carry no run id. What tells runs apart are the lines of their beginnings and
ends, and the order of the file, which says more than its whole seconds do.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from .closings import close_spans
from .database import SourceRun
from .log_events import Events, Opening
from .spans import Candidate, ModuleSpan
from .times import SECOND

# The engine starts a run of its command line at once; one of its server may wait in line.
COMMAND_LINE_DELAY = 5 * SECOND
UUID_LENGTH = 36


class RunIndex:
    """The runs of a database, by what a log says of them."""

    def __init__(self, runs: Iterable[SourceRun]) -> None:
        """Index the runs that began; the others cannot stand in a log."""
        self.by_key: dict[str, SourceRun] = {}
        self.by_id: dict[str, SourceRun] = {}
        self._of_command_line: dict[str, list[SourceRun]] = defaultdict(list)
        self._of_server: dict[str, list[SourceRun]] = defaultdict(list)
        for run in sorted((run for run in runs if run.started_at is not None), key=_started_at):
            self.by_key[run.key] = run
            self.by_id[run.text("id")] = run
            is_cli = run.text("trigger_type") == "cli"
            by_target = self._of_command_line if is_cli else self._of_server
            by_target[run.text("target")].append(run)

    def find_beginning(self, target: str, at: int) -> Iterator[SourceRun]:
        """Yield the runs over a target that can begin at a moment, by their times."""
        soon = self._of_command_line.get(target, [])
        first = bisect_left(soon, at - COMMAND_LINE_DELAY, key=_started_at)
        last = bisect_right(soon, at + SECOND, key=_started_at)
        for run in (*soon[first:last], *self._of_server.get(target, ())):
            if _is_within(run, at):
                yield run


class Openings:
    """The candidates of one log, in the order in which they began."""

    def __init__(self, events: Events, runs: RunIndex) -> None:
        """Find the run of each beginning, then the beginning of each end."""
        self.candidates: list[Candidate] = []
        self._runs = runs
        self._seen: dict[str, Candidate] = {}
        for index, event in events.others():
            if isinstance(event, Opening) and event.run_uuid:
                self._open_module(index, event)
            elif isinstance(event, Opening):
                self._open_run(index, event)
        close_spans(events, self.candidates)

    def add_without_opening(self, run: SourceRun) -> None:
        """Add a run that has rows in this log though its beginning is not there."""
        if run.key not in self._seen:
            self._add(_candidate(run, -1, run.started_at or 0))

    @property
    def last_run(self) -> Candidate | None:
        """The run that began last in this folder."""
        return max(self.candidates, key=lambda one: one.first, default=None)

    def _add(self, candidate: Candidate) -> None:
        self.candidates.append(candidate)
        if candidate.run is not None:
            self._seen[candidate.run.key] = candidate

    def _open_run(self, index: int, event: Opening) -> None:
        in_time = self._runs.find_beginning(event.target, event.at)
        fitting = [run for run in in_time if run.key not in self._seen and _can_be(run, event)]
        candidate = _candidate(min(fitting, key=_turn_of, default=None), index, event.at)
        candidate.target, candidate.size = event.target, event.size
        candidate.is_flow = event.is_flow
        self._add(candidate)

    def _open_module(self, index: int, event: Opening) -> None:
        flow = self._find_flow(index, event)
        for span in flow.modules:
            # A module that failed has no line of its end; its next beginning tells.
            if span.last is None and span.name == event.module_name:
                span.last = index
            if span.next is None:
                span.next = index
        flow.modules.append(ModuleSpan(event.module_name, index, event.at, event.size))

    def _find_flow(self, index: int, event: Opening) -> Candidate:
        run = self._run_of_module(event)
        if run is not None and run.key in self._seen:
            return self._seen[run.key]
        if run is None:
            for candidate in reversed(self.candidates):
                is_same = candidate.run_uuid in ("", event.run_uuid) and candidate.is_flow
                if candidate.run is None and is_same and candidate.target == event.target:
                    candidate.run_uuid = event.run_uuid
                    candidate.workflow_name = event.workflow_name
                    return candidate
        flow = _candidate(run, index - 1, event.at)
        flow.is_flow, flow.target, flow.run_uuid = True, event.target, event.run_uuid
        flow.workflow_name = event.workflow_name
        self._add(flow)
        return flow

    def _run_of_module(self, event: Opening) -> SourceRun | None:
        """Return the run that a flow's module names: by UUID, or by number where that is none."""
        if len(event.run_uuid) == UUID_LENGTH:
            return self._runs.by_key.get(event.run_uuid)
        run = self._runs.by_id.get(event.database_run_id)
        if run is None or run.text("target") != event.target or not _is_within(run, event.at):
            return None
        return run if run.text("workflow_name") == event.workflow_name else None


def _candidate(run: SourceRun | None, first: int, opened_at: int) -> Candidate:
    candidate = Candidate(run, "", "", first, opened_at)
    if run is not None:
        candidate.target, candidate.run_uuid = run.text("target"), run.key
        candidate.workflow_name = run.text("workflow_name")
        candidate.is_flow = run.text("workflow_kind") == "flow"
    return candidate


def _can_be(run: SourceRun, event: Opening) -> bool:
    """Tell whether a beginning may be a run's by its size and parameters."""
    total = run.columns.get("total_steps")
    if total and event.size is not None and total != event.size:
        return False
    return run.params == event.params


def _started_at(run: SourceRun) -> int:
    assert run.started_at is not None
    return run.started_at


def _is_within(run: SourceRun, at: int) -> bool:
    """Tell whether a whole second lies within a run's times."""
    assert run.started_at is not None
    is_begun = at >= run.started_at // SECOND * SECOND
    return is_begun and (run.completed_at is None or at <= run.completed_at)


def _turn_of(run: SourceRun) -> tuple[float, int]:
    """Return what tells which of two runs alike begins first.

    Those of the command line begin as they were started; of the server's it is the one that ends
    first: the others can still begin later.
    """
    assert run.started_at is not None
    if run.text("trigger_type") == "cli":
        return run.started_at, run.started_at
    return (float("inf") if run.completed_at is None else run.completed_at), run.started_at
