"""Decide which of the open runs a line without a row belongs to; pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from .log_events import Events, StepLine
from .openings import Openings
from .rows_of_lines import RowsOfLines
from .spans import Candidate
from .times import SECOND
from .workflow_file import Workflow

# A cancelled run may still end the step that it had begun.
CANCELLED_GRACE = 5 * SECOND
# The engine goes from step to step at once: a run of whose end nothing tells, killed or not in
# the database any more, is over when no line could be its own for so long.
SILENCE = 60 * SECOND


class Knowledge:
    """Which steps the workflows are known to have; it grows as lines find their runs."""

    def __init__(self, workflows: Iterable[Workflow | None]) -> None:
        """Begin with the workflow files, which tell the whole set of a workflow's steps."""
        self._whole: dict[str, set[str]] = defaultdict(set)
        self._some: dict[str, set[str]] = defaultdict(set)
        for workflow in workflows:
            if workflow is not None:
                self._whole[workflow.name].update(workflow.steps)

    def learn(self, candidate: Candidate, index: int, name: str) -> None:
        """Note that a run had a step of this name."""
        workflows = _names_of(candidate, index)
        if len(workflows) == 1:
            self._note(workflows.pop(), candidate.size_at(index), name)

    def _note(self, workflow: str, size: int | None, name: str) -> None:
        some = self._some[workflow]
        some.add(name)
        # As many steps as the workflow says it has: these are all.
        if size == len(some):
            self._whole[workflow] |= some

    def learn_rows(self, lines: "FolderLines") -> None:
        """Note the steps of all lines that have a row."""
        for index in lines.indices():
            candidate = lines.candidate_of(index)
            if candidate is not None:
                self.learn(candidate, index, lines.name_of(index))

    def has(self, candidate: Candidate, index: int, name: str) -> bool:
        """Tell whether the workflow of a run is known to have such a step."""
        known = _names_of(candidate, index)
        return any(name in self._some[one] or name in self._whole[one] for one in known)

    def has_not(self, candidate: Candidate, index: int, name: str) -> bool:
        """Tell whether the workflow of a run is wholly known not to have such a step."""
        names = _names_of(candidate, index)
        is_whole = bool(names) and all(self._whole[one] for one in names)
        return is_whole and not self.has(candidate, index, name)


class FolderLines:
    """The step lines of one folder, and the run that each was found to belong to."""

    def __init__(
        self,
        folder: str,
        events: Events,
        openings: Openings,
        rows: RowsOfLines,
        copies: set[int],
    ) -> None:
        """Note which runs each line without a row can belong to."""
        self.rows = rows
        self._folder_path = re.compile(rf"(?<!\S)\S*/{re.escape(folder)}(?![^/\s\"'])")
        self._events = events
        self._copies = copies
        self._openings = openings
        self._by_run = {one.run.key: one for one in openings.candidates if one.run}
        self._found: dict[int, Candidate] = {}
        self.undecided = self._find_fitting()

    def step_lines(self) -> Iterator[tuple[int, StepLine]]:
        """Yield each step line with its index, but for copies."""
        for index in self.indices():
            yield index, self.line(index)

    def indices(self) -> Iterator[int]:
        """Yield the place of each step line, but for copies."""
        for index in range(len(self._events)):
            if self._events.is_step(index) and index not in self._copies:
                yield index

    def name_of(self, index: int) -> str:
        """Return the name in a step line."""
        return self._events.name_of(index)

    def line(self, index: int) -> StepLine:
        """Return a step line by its place."""
        return self._events.step_line(index)

    def candidate_of(self, index: int) -> Candidate | None:
        """Return the run of a line, as far as it is found."""
        row = self.rows.get(index)
        if row is not None:
            return self._by_run.get(row.run_key or "")
        return self._found.get(index)

    def decide(self, knowledge: Knowledge, may_rely_on_known: bool) -> bool:
        """Place what can be placed now; tell whether anything was.

        `may_rely_on_known` lets the only workflow known to have such a step win over workflows
        of which less is known.
        """
        if not self.undecided:
            return False
        self._drop_silent()
        placed = []
        for index, fitting in self.undecided.items():
            line = self.line(index)
            candidate = self._choose(index, line, fitting, knowledge, may_rely_on_known)
            if candidate is not None:
                self._found[index] = candidate
                knowledge.learn(candidate, index, line.name)
                placed.append(index)
        for index in placed:
            del self.undecided[index]
        return bool(placed)

    def _drop_silent(self) -> None:
        """Take runs of whose end nothing tells from the lines that came too long after.

        A run that the database has still takes a line that no other can take.
        """
        if not any(one.completed_at is None for one in self._openings.candidates):
            return
        seen: dict[Candidate, int] = {}
        for index, line in self.step_lines():
            fits = self.undecided.get(index)
            if fits is None:
                found = self.candidate_of(index)
                seen.update({found: line.at} if found else {})
                continue
            self.undecided[index] = _still_heard(fits, index, line, seen)
        self.undecided = {index: fits for index, fits in self.undecided.items() if fits}

    def _choose(
        self,
        index: int,
        line: StepLine,
        fitting: list[Candidate],
        knowledge: Knowledge,
        may_rely_on_known: bool,
    ) -> Candidate | None:
        """Return the one run that a line can belong to, or None."""
        if len(fitting) > 1:
            fitting = [
                one for one in fitting if not knowledge.has_not(one, index, line.name)
            ] or fitting
        if len(fitting) > 1:
            fitting = self._narrow_by_target(fitting, line.command)
        if len(fitting) > 1 and may_rely_on_known:
            fitting = _narrow_by_workflow(fitting, index, line.name, knowledge)
        return fitting[0] if len(fitting) == 1 else None

    def _narrow_by_target(self, fitting: list[Candidate], command: str) -> list[Candidate]:
        """Keep the runs of the only target that stands in the command."""
        text = self._folder_path.sub(" ", command)
        targets = {one.target for one in fitting if one.target}
        standing = {target for target in targets if _stands_in(target, text)}
        if len(standing) != 1:
            return fitting
        return [one for one in fitting if one.target in standing]

    def _find_fitting(self) -> dict[int, list[Candidate]]:
        """Return the runs that are open for each line without a row, by its index."""
        waiting = sorted(self._openings.candidates, key=lambda one: one.first, reverse=True)
        begun: list[Candidate] = []
        fitting: dict[int, list[Candidate]] = {}
        soonest = self._soonest_beginnings()
        seen: dict[Candidate, int] = {}
        # A line stands after every beginning and every row above it: it cannot be older.
        earliest = 0
        for index in range(len(self._events)):
            while waiting and waiting[-1].first < index:
                begun.append(waiting.pop())
                run = begun[-1].run
                earliest = max(earliest, (run.started_at if run else None) or 0)
            if not self._events.is_step(index) or index in self._copies:
                continue
            row = self.rows.get(index)
            if row is not None:
                earliest = max(earliest, row.completed_at or 0)
                continue
            line = self.line(index)
            begun = [
                one
                for one in begun
                if one.is_open(index)
                and _end_of(one) >= earliest
                and not _is_gone(one, soonest[index], seen)
            ]
            fits = [one for one in begun if _fits(one, line)]
            fits = _still_heard(fits, index, line, seen)
            if fits:
                fitting[index] = fits
        return fitting

    def _soonest_beginnings(self) -> dict[int, int]:
        """Return for each line without a row when the first of the steps from there on began."""
        soonest: dict[int, int] = {}
        least = None
        for index in reversed(range(len(self._events))):
            is_step = self._events.is_step(index) and index not in self._copies
            if is_step and index not in self.rows:
                began_at = self.line(index).began_at
                least = began_at if least is None else min(least, began_at)
                soonest[index] = least
        return soonest


def _still_heard(
    fits: list[Candidate], index: int, line: StepLine, seen: dict[Candidate, int]
) -> list[Candidate]:
    """Return the runs that were not silent too long before a line; note that they were seen."""
    kept = [one for one in fits if not _was_silent(one, index, line, seen)]
    kept = kept or [one for one in fits if one.run is not None]
    seen.update((one, line.at) for one in kept)
    return kept


def _is_gone(candidate: Candidate, soonest: int, seen: dict[Candidate, int]) -> bool:
    """Tell whether a run that the database lacks is too long silent for every line to come.

    Without this a log of many such runs would keep all of them open to its end.
    """
    if candidate.run is not None:
        return False
    begun = [span.opened_at for span in candidate.modules]
    return soonest > max([candidate.opened_at, seen.get(candidate, 0), *begun]) + SILENCE


def _was_silent(
    candidate: Candidate, index: int, line: StepLine, seen: dict[Candidate, int]
) -> bool:
    """Tell whether a run without an end went quiet long before a line's step began."""
    if candidate.completed_at is not None:
        return False
    begun = [span.opened_at for span in candidate.modules if span.first < index]
    return line.began_at > max([candidate.opened_at, seen.get(candidate, 0), *begun]) + SILENCE


def _fits(candidate: Candidate, line: StepLine) -> bool:
    """Tell whether a line lies in the window of a run."""
    # Both times are whole seconds: the step can have begun up to one later than it seems.
    if line.began_at + SECOND < candidate.opened_at // SECOND * SECOND:
        return False
    return line.at <= _end_of(candidate)


def _end_of(candidate: Candidate) -> float:
    """Return the moment up to which a run can have ended a step."""
    if candidate.run is None or candidate.completed_at is None:
        return float("inf")
    is_cancelled = candidate.run.text("status") == "cancelled"
    return candidate.completed_at + (CANCELLED_GRACE if is_cancelled else 0)


def _narrow_by_workflow(
    fitting: list[Candidate], index: int, name: str, knowledge: Knowledge
) -> list[Candidate]:
    """Keep the runs of the only workflow that is known to have such a step.

    A run that the database lacks may be of any workflow: nothing is known against it. A run of
    whose end nothing tells fits every later line; that it could be it says too little.
    """
    if any(one.run is None and not one.workflow_name for one in fitting):
        return fitting
    having = [one for one in fitting if knowledge.has(one, index, name)]
    if any(one.completed_at is None for one in having):
        return fitting
    return having if len({one.workflow_name for one in having}) == 1 else fitting


def _names_of(candidate: Candidate, index: int) -> set[str]:
    """Return the names under which a run's steps are known at an event.

    While a module of a flow is open the flow itself has no steps.
    """
    names = {module or candidate.workflow_name for module in candidate.modules_at(index)}
    return names - {""}


def _stands_in(target: str, text: str) -> bool:
    """Tell whether a whole host name, or other target, stands in a text."""
    return re.search(rf"(?<![\w.-]){re.escape(target)}(?![\w-]|\.\w)", text) is not None
