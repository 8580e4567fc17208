"""Which run the lines of whole logs belong to: rows, order, windows, copies."""

from webapp.ingest.osmedeus.execution_log import read_execution_log
from webapp.ingest.osmedeus.matching import FolderLog, Outcome

from .logs import closing, completed, failed, match, names, opening, row, run


def test_runs_one_after_the_other_in_one_log_are_told_apart() -> None:
    runs = [run("a", "t", 0, 10, 2, status="failed"), run("b", "t", 20, 30, 2, status="failed")]
    log = (opening(0, "t", 2) + failed(1, "one") + failed(9, "two") + opening(20, "t", 2)) + failed(
        21, "one"
    )
    assert names(match(runs, {"t": log})) == {"a": ["one", "two"], "b": ["one"]}


def test_a_line_and_a_row_are_the_same_step_only_to_the_microsecond() -> None:
    # Both runs have a step of the same name, command and milliseconds in the same second; the
    # failed one lost its row.
    runs = [run("a", "t", 0, 5, 1), run("b", "t", 0, 5, 1, status="failed")]
    log = (
        opening(0, "t", 1)
        + opening(0, "t", 1)
        + completed(1, "one", took=0.0101)
        + completed(1, "one", took=0.0105)
        + closing(1, 1, "900ms")
    )
    matching = match(runs, {"t": log}, [row(1, "a", "one", 1.3, took=0.0105)])
    assert matching.in_both == 1
    (found,) = matching.steps["a"]
    assert found.row is not None and found.line is not None
    assert found.line.duration_us == 10_500


def test_one_row_takes_one_line() -> None:
    runs = [run("a", "t", 0, 9, 2)]
    log = opening(0, "t", 2) + completed(1, "again") + completed(1, "again") + closing(5, 2, "5s")
    matching = match(runs, {"t": log}, [row(1, "a", "again", 1.2)])
    assert matching.in_both == 1
    assert names(matching) == {"a": ["again", "again"]}


def test_a_run_takes_no_line_after_its_end() -> None:
    runs = [
        run("a", "t", 0, 5, 9, status="failed"),
        run("b", "u", 3, 60, 9, status="failed", workflow_name="other"),
    ]
    log = opening(0, "t", 9) + opening(3, "u", 9) + failed(4, "both", 0.01) + failed(30, "late")
    matching = match(runs, {"f": log})
    assert names(matching) == {"b": ["late"]}
    assert matching.outcomes[Outcome.AMBIGUOUS] == 1


def test_the_order_of_the_file_tells_more_than_its_seconds() -> None:
    # Run a ended 0.2 s into the second in which run b began: what stands below b's beginning
    # cannot be of a.
    runs = [
        run("a", "t", 0, 10.2, 5, status="failed"),
        run("b", "u", 10.5, 20, 5, status="failed"),
    ]
    log = opening(0, "t", 5) + failed(10, "one") + opening(10, "u", 5) + failed(10, "one")
    matching = match(runs, {"f": log})
    assert names(matching) == {"a": ["one"], "b": ["one"]}
    assert not matching.outcomes[Outcome.AMBIGUOUS]


def test_a_cancelled_run_may_still_end_the_step_it_had_begun() -> None:
    log = opening(0, "t", 2) + failed(13, "wait", took=12, error="context canceled")
    assert names(match([run("a", "t", 0, 9, 2, status="cancelled")], {"t": log})) == {"a": ["wait"]}
    assert names(match([run("a", "t", 0, 7, 2, status="cancelled")], {"t": log})) == {}


def test_a_step_that_began_before_a_run_is_not_of_it() -> None:
    runs = [
        run("a", "t", 0, 60, 5, status="failed"),
        run("b", "u", 20, 60, 5, status="failed"),
    ]
    log = opening(0, "t", 5) + opening(20, "u", 5) + failed(25, "slow", took=15)
    assert names(match(runs, {"f": log})) == {"a": ["slow"]}


def test_a_line_before_any_beginning_is_counted() -> None:
    matching = match([run("a", "t", 0, 9, 1)], {"t": failed(5, "one")})
    assert matching.outcomes[Outcome.NO_RUN_OPEN] == 1


def test_the_very_same_line_in_two_folders_counts_once() -> None:
    log = opening(0, "t", 2) + failed(1, "one") + completed(2, "two") + closing(5, 2, "5.0s")
    matching = match([run("a", "t", 0, 9, 2)], {"t": log, "t-copy": log})
    assert names(matching) == {"a": ["one", "two"]}
    assert matching.outcomes[Outcome.COPY] == 2


def test_rows_without_a_line_stand_where_their_time_belongs() -> None:
    rows = [row(1, "a", "first", 0.5), row(2, "a", "third", 2.5), row(3, "a", "last", 8)]
    log = opening(0, "t", 4) + failed(1, "second") + failed(3, "fourth")
    matching = match([run("a", "t", 0, 9, 4, status="failed")], {"t": log}, rows)
    assert names(matching) == {"a": ["first", "second", "third", "fourth", "last"]}


def test_many_runs_over_one_target_are_told_apart() -> None:
    runs = [run(f"r{n}", "t", n * 10, n * 10 + 5, 1, status="failed") for n in range(2000)]
    log = b"".join(opening(n * 10, "t", 1) + failed(n * 10 + 1, "one") for n in range(2000))
    matching = match(runs, {"t": log})
    assert len(matching.steps) == 2000
    assert matching.outcomes[Outcome.PLACED] == 2000


def test_an_empty_log_matches_nothing() -> None:
    folder = FolderLog("f", read_execution_log([]))
    assert list(folder.log.events) == []
    assert match([], {"f": b""}).steps == {}
