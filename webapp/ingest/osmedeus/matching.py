"""Tell which run each line of the execution logs belongs to; pure.

Rows come first: a line and a row can be the same step. What has no row goes to the one run that
can have it; where several can, it is not guessed but counted as ambiguous.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .database import SourceRow, SourceRun
from .deciding import FolderLines, Knowledge
from .execution_log import ExecutionLog, StepLine
from .openings import Openings, RunIndex
from .spans import Candidate
from .times import SECOND
from .workflow_file import Workflow

# The times in a row and the duration in a line are of one clock, cut off at different places.
SAME_DURATION_US = 5


class Outcome(StrEnum):
    """What became of a line that has no row."""

    PLACED = "placed"
    AMBIGUOUS = "ambiguous"
    UNKNOWN_RUN = "of an unknown run"
    NO_RUN_OPEN = "of no open run"
    COPY = "a copy of another folder's"


@dataclass(slots=True)
class FolderLog:
    """One workspace's folder: its execution log and the workflow of its last run."""

    name: str
    log: ExecutionLog
    workflow: Workflow | None = None


@dataclass(slots=True)
class Ended:
    """A step that ended: its row, its line, or both."""

    row: SourceRow | None
    line: StepLine | None
    folder: int = -1
    module_name: str = ""

    @property
    def name(self) -> str:
        """The step's name."""
        return self.row.name if self.row else self.line.name if self.line else ""


@dataclass(slots=True)
class Matching:
    """Which run each line belongs to, and what was not placed.

    `steps` are those of each run that have a line, in the order of the lines.
    """

    steps: dict[str, list[Ended]] = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    in_both: int = 0
    openings: list[Openings] = field(default_factory=list)

    def steps_of(self, run_key: str, rows: Iterable[SourceRow]) -> list[Ended]:
        """Return the steps of a run in the order in which they ended; `rows` are all it has."""
        by_number = {row.rowid: row for row in rows}
        with_lines = [
            # Of the row that was found only what matching needs is known.
            replace(step, row=by_number.pop(step.row.rowid)) if step.row else step
            for step in self.steps.get(run_key, ())
        ]
        return _in_order(with_lines, by_number.values())


def match_steps(
    runs: Sequence[SourceRun], rows: Iterable[SourceRow], folders: Sequence[FolderLog]
) -> Matching:
    """Place every line of an ended step in its run; `rows` are those that a line can be."""
    matching = Matching()
    copies = _find_copies(folders)
    rows_of_lines = _match_rows(rows, folders, copies)
    matching.in_both = sum(len(rows_here) for rows_here in rows_of_lines)
    index_of_runs = RunIndex(runs)
    lines_of = []
    knowledge = Knowledge(folder.workflow for folder in folders)
    for number, folder in enumerate(folders):
        openings = Openings(folder.log.events, index_of_runs)
        rows_here = rows_of_lines[number]
        for index in sorted(rows_here):
            key = rows_here[index].run_key
            if key is not None and key in index_of_runs.by_key:
                openings.add_without_opening(index_of_runs.by_key[key])
        lines = FolderLines(folder.name, folder.log.events, openings, rows_here, copies[number])
        knowledge.learn_rows(lines)
        matching.openings.append(openings)
        lines_of.append(lines)
    _decide(lines_of, knowledge)
    _collect(matching, lines_of)
    matching.outcomes[Outcome.COPY] = sum(map(len, copies))
    return matching


def _decide(lines_of: Sequence[FolderLines], knowledge: Knowledge) -> None:
    """Place lines until nothing changes: first by what is certain, then by what is known.

    That only one workflow is known to have such a step says little before the others are known.
    """
    while any([lines.decide(knowledge, False) for lines in lines_of]) or any(
        [lines.decide(knowledge, True) for lines in lines_of]
    ):
        pass


def _find_copies(folders: Sequence[FolderLog]) -> list[set[int]]:
    """Return for each folder the events that are lines of an earlier folder too."""
    first_folder: dict[tuple[object, ...], int] = {}
    copies: list[set[int]] = [set() for _ in folders]
    for number, folder in enumerate(folders):
        for index, event in enumerate(folder.log.events):
            if isinstance(event, StepLine):
                identity = (event.at, event.digest, event.duration_us, event.length, event.failed)
                if first_folder.setdefault(identity, number) != number:
                    copies[number].add(index)
    return copies


def _match_rows(
    rows: Iterable[SourceRow], folders: Sequence[FolderLog], copies: Sequence[set[int]]
) -> list[dict[int, SourceRow]]:
    """Return for each folder the rows of the lines that have one, by event."""
    free: dict[tuple[int, int], list[SourceRow]] = defaultdict(list)
    for row in rows:
        if row.completed_at is not None:
            free[row.digest, row.completed_at // SECOND].append(row)
    found: list[dict[int, SourceRow]] = [{} for _ in folders]
    for is_same in (_is_same_to_the_microsecond, _is_same_to_the_millisecond):
        for folder, here, copied in zip(folders, found, copies, strict=True):
            for index, event in enumerate(folder.log.events):
                if isinstance(event, StepLine) and index not in here and index not in copied:
                    taken = _take(free, event, is_same)
                    if taken is not None:
                        here[index] = taken
    return found


def _take(
    free: dict[tuple[int, int], list[SourceRow]],
    line: StepLine,
    is_same: Callable[[SourceRow, StepLine], bool],
) -> SourceRow | None:
    """Take the row of a line out of the free ones, or return None."""
    second = line.at // SECOND
    for nearby in (second, second - 1, second + 1):
        for row in free.get((line.digest, nearby), ()):
            if (row.status == "failed") == line.failed and is_same(row, line):
                free[line.digest, nearby].remove(row)
                return row
    return None


def _is_same_to_the_microsecond(row: SourceRow, line: StepLine) -> bool:
    if row.took_us is None or line.duration_us is None:
        return False
    is_same = abs(row.took_us - line.duration_us) <= SAME_DURATION_US
    return is_same and row.duration_ms == line.duration_ms


def _is_same_to_the_millisecond(row: SourceRow, line: StepLine) -> bool:
    # The duration of a line that is cut may be lost.
    return line.duration_us is None or row.duration_ms == line.duration_ms


def _collect(matching: Matching, lines_of: Sequence[FolderLines]) -> None:
    """Gather the steps of each run that have a line."""
    for number, lines in enumerate(lines_of):
        for index, line in lines.step_lines():
            found = lines.rows.get(index)
            candidate = lines.candidate_of(index)
            key = found.run_key if found else _key_of(candidate)
            if found is None:
                matching.outcomes[_outcome(lines, index, candidate)] += 1
            if key is not None:
                module = candidate.module_at(index) if candidate else ""
                ended = Ended(found, line, number, module)
                matching.steps.setdefault(key, []).append(ended)


def _key_of(candidate: Candidate | None) -> str | None:
    return candidate.run.key if candidate and candidate.run else None


def _outcome(lines: FolderLines, index: int, candidate: Candidate | None) -> Outcome:
    if candidate is None:
        return Outcome.AMBIGUOUS if index in lines.undecided else Outcome.NO_RUN_OPEN
    return Outcome.PLACED if candidate.run else Outcome.UNKNOWN_RUN


def _in_order(with_lines: list[Ended], rows: Iterable[SourceRow]) -> list[Ended]:
    """Keep the order of the lines, and put rows without one where their time belongs."""
    keyed: list[tuple[int, int, int, Ended]] = []
    latest = 0
    for number, step in enumerate(with_lines):
        row, line = step.row, step.line
        time = row.completed_at if row else line.at if line else None
        latest = max(latest, time or 0)
        keyed.append((latest, 0, number, step))
    keyed += [(row.completed_at or 0, 1, row.rowid, Ended(row, None)) for row in rows]
    return [step for *_, step in sorted(keyed, key=lambda item: item[:3])]
