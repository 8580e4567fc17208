"""What is kept of the lines of a log comes back as it was read."""

from webapp.ingest.osmedeus.database import SourceRow
from webapp.ingest.osmedeus.execution_log import read_execution_log
from webapp.ingest.osmedeus.log_events import TEXTS_PER_BLOCK, Opening, StepLine
from webapp.ingest.osmedeus.rows_of_lines import RowsOfLines

from .logs import completed, failed, opening

N_LINES = 2 * TEXTS_PER_BLOCK + 1


def test_lines_in_several_blocks_keep_their_texts_in_any_order() -> None:
    lines = [failed(n, f"step-{n}", command=f"run \0 {n}", error=f"é {n}") for n in range(N_LINES)]
    log = read_execution_log(b"".join([opening(0, "t", 1), *lines]).splitlines(True))
    found = list(log.step_lines())
    assert isinstance(next(iter(log.events)), Opening)
    for n in (*range(0, N_LINES, 100), *range(N_LINES - 1, 0, -50)):
        line = found[n]
        assert (line.name, line.command, line.error) == (f"step-{n}", f"run \0 {n}", f"é {n}")
        assert line.digest == hash((line.name, line.command))


def test_a_line_is_the_same_whenever_it_is_asked_for() -> None:
    data = opening(0, "t", 1) + completed(3, "one", took=None) + completed(4, "two", output="")
    events = read_execution_log(data.splitlines(True)).events
    assert [events.is_step(index) for index in range(len(events))] == [False, True, True]
    ((first, one), (second, two)) = events.step_lines()
    assert (first, second) == (1, 2)
    assert [event for event in events if isinstance(event, StepLine)] == [one, two]
    assert (one.duration_us, one.has_output, two.duration_us, two.has_output) == (
        None,
        True,
        10_500,
        False,
    )
    assert [name for name in map(events.name_of, (1, 2))] == ["one", "two"]
    assert list(events.digests()) == [(1, one.digest), (2, two.digest)]


def test_the_row_of_a_line_is_found_by_its_place() -> None:
    rows = RowsOfLines(4)
    rows.add(3, SourceRow(7, "", "run", "", "", "", "", 0, 0, None, -5))
    rows.add(1, SourceRow(-1, "", None, "", "", "", "", 0, 0, None, None))
    assert [rows.get(index) for index in (0, 2)] == [None, None]
    assert rows.get(3) == (7, "run", -5)
    assert rows.get(1) == (-1, None, None)
    assert (len(rows), 1 in rows, 2 in rows) == (2, True, False)
    assert list(rows.run_keys()) == ["run"]


def test_long_texts_are_in_blocks_of_a_few() -> None:
    """A block of 128 long errors was unpacked for each of them."""
    lines = [failed(n, f"step-{n}", command=f"run {n}", error=f"{n}" * 30_000) for n in range(10)]
    log = read_execution_log(b"".join(lines).splitlines(True))
    found = list(log.step_lines())
    for n in (9, 0, 8, 1, 7, 2, 6, 3, 5, 4):
        assert (found[n].command, found[n].error) == (f"run {n}", f"{n}" * 30_000)
    assert 3 <= len(log.events._texts._blocks) <= 6
