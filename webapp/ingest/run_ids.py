"""Give out numbers for runs: the source's own where it is free, else the next."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from ..models import Run
from .bulk import KEYS_PER_QUERY

# A source's own number larger than this would leave none for the runs after it.
LARGEST_WANTED_ID = 2**53


class RunIds:
    """The numbers that are taken, and the next."""

    def __init__(self, connection: Connection, wanted: Sequence[int | None]) -> None:
        """Look up which of the wanted numbers are taken, in the transaction at hand."""
        numbers = [number for number in wanted if number and number <= LARGEST_WANTED_ID]
        self._last = connection.execute(select(func.max(Run.id))).scalar() or 0
        self._taken: set[int] = set()
        for start in range(0, len(numbers), KEYS_PER_QUERY):
            some = select(Run.id).where(Run.id.in_(numbers[start : start + KEYS_PER_QUERY]))
            self._taken.update(connection.execute(some).scalars())

    def take(self, wanted: int | None) -> int:
        """Return the wanted number, or the next, which is taken from here on."""
        is_free = (
            wanted is not None and 0 < wanted <= LARGEST_WANTED_ID and wanted not in self._taken
        )
        number = wanted if is_free and wanted is not None else self._last + 1
        self._taken.add(number)
        self._last = max(self._last, number)
        return number
