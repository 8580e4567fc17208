"""Hold the steps of a batch that are new, and write them with the ids that they get."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ..models import Step, parts_of, table_of
from .bulk import check_references, insert_prepared
from .step_counts import StepCountDeltas
from .step_directory import StepsOfPart
from .step_values import StepValues

STEP_COLUMNS = ("id", "source_id", *StepValues._fields)


class WaitingStep(NamedTuple):
    """A step that waits for its batch: the keys that it may be here by, and what is written.

    `row` has the values of STEP_COLUMNS as the driver takes them; the id, its first, comes last.
    """

    source_key: str
    place_key: str
    values: StepValues
    row: list[Any]


def check_references_of(connection: Connection, steps: Sequence[WaitingStep]) -> None:
    """Raise IntegrityError unless sources and runs of steps are there; hold them if they are."""
    places = {name: STEP_COLUMNS.index(name) for name in ("source_id", "run_id")}
    values = {name: {one.row[place] for one in steps} for name, place in places.items()}
    check_references(connection, table_of(Step), values)


class NewSteps:
    """Steps that get the ids from `first_id` on, one after the other."""

    def __init__(self, first_id: int, steps: Sequence[WaitingStep]) -> None:
        """Hold them; nothing is written yet."""
        self._first_id = first_id
        self._steps = steps

    @property
    def last_id(self) -> int:
        """Return the id of the last; of none, the one before the first."""
        return self._first_id + len(self) - 1

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._steps)

    def halves(self) -> tuple["NewSteps", "NewSteps"]:
        """Return both halves."""
        middle = len(self) // 2
        return (
            NewSteps(self._first_id, self._steps[:middle]),
            NewSteps(self._first_id + middle, self._steps[middle:]),
        )

    def has_twins(self) -> bool:
        """Tell whether two of them have one key, which the database will refuse."""
        return len({one.source_key for one in self._steps}) < len(self)

    def check_references(self, connection: Connection) -> None:
        """Raise IntegrityError unless their source and runs are there; hold them if they are."""
        check_references_of(connection, self._steps)

    def insert(self, connection: Connection) -> None:
        """Insert the rows."""
        for step_id, one in enumerate(self._steps, self._first_id):
            one.row[0] = step_id
        rows = [one.row for one in self._steps]
        insert_prepared(connection, table_of(Step), STEP_COLUMNS, rows)

    def add_to(self, deltas: StepCountDeltas) -> None:
        """Add them to what changes in the counts."""
        deltas.add_new(self._first_id, [one.values for one in self._steps])

    def of_parts(self) -> Iterator[StepsOfPart]:
        """Yield them by the parts that their ids are in."""
        for part, ids in parts_of(range(self._first_id, self.last_id + 1)):
            some = self._steps[ids.start - self._first_id : ids.stop - self._first_id]
            yield StepsOfPart(part, [one.values for one in some])
