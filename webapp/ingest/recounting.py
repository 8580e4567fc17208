"""Count the steps anew, and hold what comes out against the kept counts.

Each comparison is one statement, which sees one moment, and the writer changes rows and counts
together: by how much a count is wrong stays the same while it writes. So nobody has to wait.
"""

from collections import Counter as Sums
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, Table, func, literal, select, union_all

from ..models import (
    TOTAL_BLOCK,
    BlockCount,
    Run,
    Step,
    StepCount,
    StepStatus,
    block_of,
    blocks_of,
    group_of,
    ids_of,
    table_of,
)
from .step_directory import find_missing

RUNS_AT_ONCE = 1_000
_COUNTS = (StepCount, BlockCount)
_OF_WORKSPACES = ("workspace", "status", "step_type")
_OF_ALL = ("status", "step_type")
# The columns of a key, in their order, and how many there are.
Key = tuple[Any, ...]
Sizes = Mapping[Key, int]


class Difference(NamedTuple):
    """A kept count that is not what counting gives, or a row that steps are not found without.

    Of such a row `kept` is 0 and `counted` 1. `key` is the primary key of its row; of the `runs` it
    is the run's id and the status.
    """

    table: Table
    key: Key
    kept: int
    counted: int


class Recount:
    """Compare all kept counts with the rows: iterate over it for the differences, part by part.

    What counts sum up is read from these, corrected by what was found wrong in them.
    """

    def __init__(self, engine: Engine) -> None:
        """Recount the database of this engine."""
        self._engine = engine
        self._corrections: dict[int, Sums[Key]] = defaultdict(Sums)

    def __iter__(self) -> Iterator[list[Difference]]:
        """Yield the differences of one block after the other, then of the sums and the runs."""
        groups = set(self._find_groups())
        block = self._find_block(TOTAL_BLOCK)
        while block is not None:
            groups.add(group_of(block))
            yield self._compare_counts(block)
            block = self._find_block(block)
        for sum_block in (*sorted(groups, reverse=True), TOTAL_BLOCK):
            yield self._compare_counts(sum_block)
        yield from self._compare_runs()
        for table, rows in find_missing(self._connect):
            yield [Difference(table, tuple(row), 0, 1) for row in rows]

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        """Yield a connection without the time limit of requests."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection

    def forget(self) -> None:
        """Take note that all differences so far have been mended."""
        self._corrections.clear()

    def _find_block(self, after: int) -> int | None:
        """Return the next block that has steps or counts."""
        first_id = ids_of(after + 1).start
        firsts = [select(func.min(Step.id)).where(Step.id >= first_id)]
        firsts += [select(func.min(one.block)).where(one.block > after) for one in _COUNTS]
        statement = select(*(first.scalar_subquery() for first in firsts))
        with self._connect() as connection:
            step_id, *blocks = connection.execute(statement).one()
        of_step = None if step_id is None else block_of(step_id)
        return min((one for one in (of_step, *blocks) if one is not None), default=None)

    def _find_groups(self) -> Iterator[int]:
        with self._connect() as connection:
            for one in _COUNTS:
                statement = select(one.block).where(one.block < TOTAL_BLOCK).distinct()
                yield from connection.execute(statement).scalars()

    def _compare_counts(self, block: int) -> list[Difference]:
        """Compare the counts of a block, or the sums that stand in it."""
        kept = _kept(StepCount, _OF_WORKSPACES).where(StepCount.block == block)
        of_workspaces = list(
            self._compare(kept, _counted(block), _OF_WORKSPACES, self._corrections.pop(block, {}))
        )
        wrong: Sums[Key] = Sums()
        for key, kept_n, n in of_workspaces:
            wrong[key[1:]] += n - kept_n
            if block != TOTAL_BLOCK:
                above = group_of(block) if block > TOTAL_BLOCK else TOTAL_BLOCK
                self._corrections[above][key] += n - kept_n
        kept = _kept(BlockCount, _OF_ALL).where(BlockCount.block == block)
        counted = _summed(_OF_ALL).where(StepCount.block == block)
        of_all = self._compare(kept, counted, _OF_ALL, wrong)
        return [
            Difference(table_of(model), (block, *key), kept_n, n)
            for model, found in ((StepCount, of_workspaces), (BlockCount, of_all))
            for key, kept_n, n in found
        ]

    def _compare_runs(self) -> Iterator[list[Difference]]:
        """Compare the counts that runs have of their own steps."""
        last_id = -1
        while ids := self._find_run_ids(last_id):
            kept = union_all(
                *(
                    select(
                        Run.id.label("run_id"),
                        literal(status.value).label("status"),
                        getattr(Run, f"steps_{status}").label("n"),
                    ).where(Run.id.between(last_id + 1, ids[-1]))
                    for status in StepStatus
                )
            )
            keys = (Step.run_id, Step.status)
            counted = (
                select(*keys, func.count().label("n"))
                .where(Step.run_id.between(last_id + 1, ids[-1]))
                .group_by(*keys)
            )
            names = ("run_id", "status")
            found = self._compare(select(kept.subquery()), counted, names, {})
            yield [Difference(table_of(Run), *one) for one in found]
            last_id = ids[-1]

    def _find_run_ids(self, after: int) -> list[int]:
        statement = select(Run.id).where(Run.id > after).order_by(Run.id).limit(RUNS_AT_ONCE)
        with self._connect() as connection:
            return list(connection.execute(statement).scalars())

    def _compare(
        self, kept: Select[Any], counted: Select[Any], names: Iterable[str], corrections: Sizes
    ) -> Iterator[tuple[Key, int, int]]:
        """Yield each key of which two statements give different numbers, with both of them."""
        a, b = kept.subquery(), counted.subquery()
        zero = literal(0)
        both = union_all(
            select(*(a.c[name] for name in names), a.c.n.label("kept"), zero.label("counted")),
            select(*(b.c[name] for name in names), zero.label("kept"), b.c.n.label("counted")),
        ).subquery()
        keys = [both.c[name] for name in names]
        sums = (func.sum(both.c.kept), func.sum(both.c.counted))
        statement = select(*keys, *sums).group_by(*keys)
        if not corrections:
            statement = statement.having(sums[0] != sums[1])
        with self._connect() as connection:
            rows = {tuple(row[:-2]): row[-2:] for row in connection.execute(statement)}
        for key in dict.fromkeys((*rows, *corrections)):
            kept_n, n = map(int, rows.get(key, (0, 0)))
            n += corrections.get(key, 0)
            if kept_n != n:
                yield key, kept_n, n


def _kept(model: type[StepCount] | type[BlockCount], names: Iterable[str]) -> Select[Any]:
    return select(*(table_of(model).c[name] for name in names), model.n)


def _summed(names: Iterable[str]) -> Select[Any]:
    columns = [table_of(StepCount).c[name] for name in names]
    return select(*columns, func.sum(StepCount.n).label("n")).group_by(*columns)


def _counted(block: int) -> Select[Any]:
    """Return what counts the steps of a block anew, or sums up what the block is the sum of."""
    if block == TOTAL_BLOCK:
        return _summed(_OF_WORKSPACES).where(StepCount.block < TOTAL_BLOCK)
    if block < TOTAL_BLOCK:
        blocks = blocks_of(block)
        is_of_group = StepCount.block.between(blocks.start, blocks.stop - 1)
        return _summed(_OF_WORKSPACES).where(is_of_group)
    ids = ids_of(block)
    columns = [table_of(Step).c[name] for name in _OF_WORKSPACES]
    is_in = Step.id.between(ids.start, ids.stop - 1)
    return select(*columns, func.count().label("n")).where(is_in).group_by(*columns)
