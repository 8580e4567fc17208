"""Tell which run each line of the execution logs belongs to; pure.

Rows come first: a line and a row can be the same step. What has no row goes to the one run that
can have it; where several can, it is not guessed but counted as ambiguous.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from .database import SourceRow, SourceRun
from .deciding import FolderLines, Knowledge
from .execution_log import ExecutionLog
from .log_events import StepLine
from .openings import Openings, RunIndex
from .rows_of_lines import RowsOfLines
from .spans import Candidate
from .times import SECOND
from .workflow_file import Workflow

# The times in a row and the duration in a line are of one clock, cut off at different places.
SAME_DURATION_US = 5
LINES_PER_PART = 50_000
# A line is told by one number: that of its folder times this, and its own.
EVENTS_PER_FOLDER = 2**40

FindRows = Callable[[Iterable[tuple[int, int]]], Iterable[SourceRow]]


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

    `places` are where the lines of each run's steps stand, in their order: see EVENTS_PER_FOLDER.
    """

    places: "dict[str, array[int]]" = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    # How many steps without a row were placed, by whether they failed.
    recovered: Counter[bool] = field(default_factory=Counter)
    in_both: int = 0
    openings: list[Openings] = field(default_factory=list)
    lines_of: list[FolderLines] = field(default_factory=list)

    def steps_of(self, run_key: str, rows: Iterable[SourceRow]) -> list[Ended]:
        """Return the steps of a run in the order in which they ended; `rows` are all it has."""
        by_number = {row.rowid: row for row in rows}
        with_lines = []
        for place in self.places.get(run_key, ()):
            number, index = divmod(place, EVENTS_PER_FOLDER)
            lines = self.lines_of[number]
            found = lines.rows.get(index)
            candidate = lines.candidate_of(index)
            module = candidate.module_at(index) if candidate else ""
            row = by_number.pop(found.rowid) if found else None
            with_lines.append(Ended(row, lines.line(index), number, module))
        return _in_order(with_lines, by_number.values())


def match_steps(
    runs: Sequence[SourceRun], find_rows: FindRows, folders: Sequence[FolderLog]
) -> Matching:
    """Place every line of an ended step in its run.

    The rows are asked for share by share, so that not all that have lines are in memory at once:
    `find_rows` gives the rows that lines can be, by what these say: (digest, moment) of each.
    """
    matching = Matching()
    copies, rows_of_lines = _match_rows(find_rows, folders)
    matching.in_both = sum(len(rows_here) for rows_here in rows_of_lines)
    index_of_runs = RunIndex(runs)
    knowledge = Knowledge(folder.workflow for folder in folders)
    for number, folder in enumerate(folders):
        openings = Openings(folder.log.events, index_of_runs)
        rows_here = rows_of_lines[number]
        for key in rows_here.run_keys():
            if key in index_of_runs.by_key:
                openings.add_without_opening(index_of_runs.by_key[key])
        lines = FolderLines(folder.name, folder.log.events, openings, rows_here, copies[number])
        knowledge.learn_rows(lines)
        matching.openings.append(openings)
        matching.lines_of.append(lines)
    _decide(matching.lines_of, knowledge)
    _collect(matching)
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


def _match_rows(
    find_rows: FindRows, folders: Sequence[FolderLog]
) -> tuple[list[set[int]], list[RowsOfLines]]:
    """Return for each folder which events are lines of an earlier one too, and the lines' rows.

    Only lines and rows of the same digest have to do with each other: a share of the digests
    at a time needs little memory.
    """
    copies: list[set[int]] = [set() for _ in folders]
    found = [RowsOfLines(len(folder.log.events)) for folder in folders]
    n_lines = sum(len(folder.log.events) for folder in folders)
    parts = [array("q") for _ in range(n_lines // LINES_PER_PART + 1)]
    for number, folder in enumerate(folders):
        for index, digest in folder.log.events.digests():
            parts[digest % len(parts)].append(number * EVENTS_PER_FOLDER + index)
    for part in filter(None, parts):
        _match_part(part, find_rows, folders, copies, found)
    return copies, found


def _match_part(
    part: Iterable[int],
    find_rows: FindRows,
    folders: Sequence[FolderLog],
    copies: Sequence[set[int]],
    found: Sequence[RowsOfLines],
) -> None:
    lines: list[tuple[int, int, StepLine]] = []
    first_folder: dict[tuple[object, ...], int] = {}
    for place in part:
        number, index = divmod(place, EVENTS_PER_FOLDER)
        line = folders[number].log.events.step_line(index)
        identity = (line.at, line.digest, line.duration_us, line.length, line.failed)
        if first_folder.setdefault(identity, number) == number:
            lines.append((number, index, line))
        else:
            copies[number].add(index)
    free: dict[tuple[int, int], list[SourceRow]] = defaultdict(list)
    for row in find_rows((line.digest, line.at) for _, _, line in lines):
        if row.completed_at is not None:
            free[row.digest, row.completed_at // SECOND].append(row)
    for is_same in (_is_same_to_the_microsecond, _is_same_to_the_millisecond):
        for number, index, line in lines:
            if index not in found[number]:
                taken = _take(free, line, is_same)
                if taken is not None:
                    found[number].add(index, taken)


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


def _collect(matching: Matching) -> None:
    """Gather where the lines of each run's steps stand."""
    for number, lines in enumerate(matching.lines_of):
        for index in lines.indices():
            found = lines.rows.get(index)
            if found is not None:
                key = found.run_key
            else:
                candidate = lines.candidate_of(index)
                key = candidate.run.key if candidate and candidate.run else None
                matching.outcomes[_outcome(lines, index, candidate)] += 1
                matching.recovered[lines.line(index).failed] += key is not None
            if key is not None:
                place = number * EVENTS_PER_FOLDER + index
                matching.places.setdefault(key, array("q")).append(place)


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
