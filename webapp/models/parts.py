"""Define by which parts of the ids SQLite finds the steps of a name, and those of a duration.

Steps of one name or duration come all the time, so an index of it alone gets each new step
somewhere else, and with the table grows what a batch of an import has to lay out anew: a third of
the time of 10,000,000 steps. In SQLite's indexes the part of the id stands first, so that new steps
go to its end. In which parts a value is, two tables tell; the writer keeps them with the rows. They
are small where values come again within a part, as names do; durations that all differ make a row
each.

PostgreSQL, whose pages are written otherwise, has plain indexes, and the tables too: so a copy into
SQLite has them.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base

# Another number needs a migration that makes all anew.
PART_BITS = 16
# How SQLite's indexes say it; a query has to say the same: see `select_part`.
PART_OF_ID = text(f"id >> {PART_BITS}")
# Their key is all they have.
_WITHOUT_ROWID = {"sqlite_with_rowid": False}


def part_of(step_id: int) -> int:
    """Return the part of the ids that a step is in."""
    return step_id >> PART_BITS


def ids_of_part(part: int) -> range:
    """Return the ids that a part has room for; none is 0."""
    return range(max(part << PART_BITS, 1), (part + 1) << PART_BITS)


def parts_of(ids: range) -> Iterator[tuple[int, range]]:
    """Yield each part that some of the ids are in, and these."""
    start = ids.start
    while start < ids.stop:
        part = part_of(start)
        stop = min(ids_of_part(part).stop, ids.stop)
        yield part, range(start, stop)
        start = stop


def select_part(step_id: Any) -> ColumnElement[int]:
    """Return the part of a column of ids, as the indexes have it."""
    shift = step_id.op(">>", return_type=BigInteger())
    part: ColumnElement[int] = shift(literal_column(str(PART_BITS)))
    return part


class StepNamePart(Base):
    """In which part steps of a name are, or once were."""

    __tablename__ = "step_name_parts"
    __table_args__ = _WITHOUT_ROWID

    step_name: Mapped[str] = mapped_column(Text, primary_key=True)
    part: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class StepDurationPart(Base):
    """In which part steps that took so many milliseconds are, or once were."""

    __tablename__ = "step_duration_parts"
    __table_args__ = _WITHOUT_ROWID

    duration_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
