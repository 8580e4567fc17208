"""Tell which run each line of the execution logs belongs to; pure.

Rows come first: a line and a row can be the same step. What has no row goes to the one run that
can have it; where several can, it is not guessed but counted as ambiguous.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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
    """Which steps each run has, in the order in which they ended, and what was not placed."""

    steps: dict[str, list[Ended]] = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    in_both: int = 0
    openings: list[Openings] = field(default_factory=list)


def match_steps(
    runs: Sequence[SourceRun], rows: Sequence[SourceRow], folders: Sequence[FolderLog]
) -> Matching:
    """Place every row and every line of an ended step in its run."""
    matching = Matching()
    copies = _find_copies(folders)
    row_of_line = _match_rows(rows, folders, copies)
    matching.in_both = len(row_of_line)
    index_of_runs = RunIndex(runs)
    lines_of = []
    knowledge = Knowledge(folder.workflow for folder in folders)
    copies_in: dict[int, set[int]] = defaultdict(set)
    for number, index in copies:
        copies_in[number].add(index)
    for number, folder in enumerate(folders):
        openings = Openings(folder.log.events, index_of_runs)
        rows_here = {
            index: row_of_line[number, index]
            for index in range(len(folder.log.events))
            if (number, index) in row_of_line
        }
        for row in rows_here.values():
            if row.run_key in index_of_runs.by_key:
                openings.add_without_opening(index_of_runs.by_key[row.run_key])
        lines = FolderLines(folder.name, folder.log.events, openings, rows_here, copies_in[number])
        knowledge.learn_rows(lines)
        matching.openings.append(openings)
        lines_of.append(lines)
    _decide(lines_of, knowledge)
    _collect(matching, rows, row_of_line, lines_of)
    matching.outcomes[Outcome.COPY] = len(copies)
    return matching


def _decide(lines_of: Sequence[FolderLines], knowledge: Knowledge) -> None:
    """Place lines until nothing changes: first by what is certain, then by what is known.

    That only one workflow is known to have such a step says little before the others are known.
    """
    while any([lines.decide(knowledge, False) for lines in lines_of]) or any(
        [lines.decide(knowledge, True) for lines in lines_of]
    ):
        pass


def _find_copies(folders: Sequence[FolderLog]) -> set[tuple[int, int]]:
    """Return (folder, event) of each line that stands in an earlier folder too."""
    first_folder: dict[tuple[object, ...], int] = {}
    copies = set()
    for number, folder in enumerate(folders):
        for index, event in enumerate(folder.log.events):
            if isinstance(event, StepLine):
                identity = (event.at, event.digest, event.duration_us, event.length, event.failed)
                if first_folder.setdefault(identity, number) != number:
                    copies.add((number, index))
    return copies


def _match_rows(
    rows: Sequence[SourceRow], folders: Sequence[FolderLog], copies: set[tuple[int, int]]
) -> dict[tuple[int, int], SourceRow]:
    """Return the row of each line that has one, by (folder, event)."""
    # What no line says needs no place in the index, which takes more memory than the rows.
    said = {
        event.digest
        for folder in folders
        for event in folder.log.events
        if isinstance(event, StepLine)
    }
    free: dict[tuple[int, int], list[SourceRow]] = defaultdict(list)
    for row in rows:
        if row.completed_at is not None and row.digest in said:
            free[row.digest, row.completed_at // SECOND].append(row)
    found: dict[tuple[int, int], SourceRow] = {}
    for is_same in (_is_same_to_the_microsecond, _is_same_to_the_millisecond):
        for number, folder in enumerate(folders):
            for index, event in enumerate(folder.log.events):
                place = (number, index)
                if isinstance(event, StepLine) and place not in found and place not in copies:
                    taken = _take(free, event, is_same)
                    if taken is not None:
                        found[place] = taken
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


def _collect(
    matching: Matching,
    rows: Sequence[SourceRow],
    row_of_line: dict[tuple[int, int], SourceRow],
    lines_of: Sequence[FolderLines],
) -> None:
    """Gather the steps of each run in the order of their ends."""
    with_line = {row.rowid for row in row_of_line.values()}
    alone: dict[str, list[SourceRow]] = defaultdict(list)
    for row in rows:
        if row.rowid not in with_line and row.run_key is not None:
            alone[row.run_key].append(row)
    ended: dict[str, list[Ended]] = defaultdict(list)
    for number, lines in enumerate(lines_of):
        for index, line in lines.step_lines():
            found = lines.rows.get(index)
            candidate = lines.candidate_of(index)
            key = found.run_key if found else _key_of(candidate)
            if found is None:
                matching.outcomes[_outcome(lines, index, candidate)] += 1
            if key is not None:
                module = candidate.module_at(index) if candidate else ""
                ended[key].append(Ended(found, line, number, module))
    for key in {*ended, *alone}:
        matching.steps[key] = _in_order(ended.get(key, []), alone.get(key, []))


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
