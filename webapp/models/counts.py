"""Define the tables that the writer keeps beside the rows, so that nobody need count them."""

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base

# Steps are counted by blocks of so many ids; block TOTAL_BLOCK holds the sums over all of them, and
# the blocks below that the sums over groups of blocks, so that few rows lead to any offset.
BLOCK_SIZE = 16_384
BLOCKS_PER_GROUP = 64
TOTAL_BLOCK = -1
# The counter that is no last id: the version of the history.
VERSION_COUNTER = "version"


def block_of(step_id: int) -> int:
    """Return the block that a step is counted in."""
    return step_id // BLOCK_SIZE


def group_of(block: int) -> int:
    """Return the block that holds the sums of a block's group: -2 for the first group, then -3."""
    return TOTAL_BLOCK - 1 - block // BLOCKS_PER_GROUP


def blocks_of(group: int) -> range:
    """Return the blocks whose sums stand in the block of a group."""
    first = (TOTAL_BLOCK - 1 - group) * BLOCKS_PER_GROUP
    return range(first, first + BLOCKS_PER_GROUP)


def ids_of(block: int) -> range:
    """Return the ids of steps that are counted in a block, or in that of a group; none is 0."""
    blocks = range(block, block + 1) if block > TOTAL_BLOCK else blocks_of(block)
    return range(max(blocks.start * BLOCK_SIZE, 1), blocks.stop * BLOCK_SIZE)


class StepCount(Base):
    """How many steps of one workspace, status and type have ids in one block of ids.

    The writer changes it in the transaction that changes the steps. `block` is `block_of(id)`, the
    group of that, or TOTAL_BLOCK.
    """

    __tablename__ = "step_counts"
    __table_args__ = (Index(None, "workspace", "block"),)

    block: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    status: Mapped[str] = mapped_column(String(20), primary_key=True)
    step_type: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class BlockCount(Base):
    """The same for all workspaces together; far fewer rows, so that lists read these."""

    __tablename__ = "block_counts"

    block: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(20), primary_key=True)
    step_type: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class Counter(Base):
    """The last id given out for a table; the writer's, so that ids only grow on any engine.

    The one named VERSION_COUNTER is the version of the history, changed with it.
    """

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class StepName(Base):
    """A name that a step has, or once had: far fewer rows than steps, to look texts up in."""

    __tablename__ = "step_names"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
