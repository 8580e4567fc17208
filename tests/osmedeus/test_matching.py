"""Which run a line belongs to: one test for each rule and each trap."""

from webapp.ingest.osmedeus.execution_log import read_execution_log
from webapp.ingest.osmedeus.matching import FolderLog, Outcome
from webapp.ingest.osmedeus.workflow_file import Workflow

from .logs import closing, completed, failed, line, match, names, opening, row, run


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


def test_parameters_target_and_number_of_steps_tell_which_run_begins() -> None:
    runs = [
        run("a", "t", 0, 60, 3, params={"target": "t", "deep": "true"}),
        run("b", "t", 0, 60, 3, params={"target": "t"}),
        run("c", "t", 0, 60, 4, params={"target": "t"}),
        run("d", "u", 0, 60, 3, params={"target": "u"}),
    ]
    log = opening(0, "t", 3, deep="true") + failed(1, "one")
    assert names(match(runs, {"t": log})) == {"a": ["one"]}


def test_a_command_line_run_begins_at_once_and_one_of_the_server_may_wait() -> None:
    log = opening(60, "t", 1) + failed(61, "one")
    assert names(match([run("a", "t", 0, 90, 1)], {"t": log})) == {}
    waited = run("a", "t", 0, 90, 1, trigger_type="api")
    assert names(match([waited], {"t": log})) == {"a": ["one"]}


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


def test_the_end_of_a_module_ends_the_run_that_it_fits() -> None:
    runs = [run("a", "t", 0, 30, 2), run("b", "u", 0, 50, 3, status="failed")]
    log = opening(0, "t", 2) + opening(0, "u", 3) + closing(29, 2, "29.0s") + failed(29, "one")
    assert names(match(runs, {"f": log})) == {"b": ["one"]}


def test_the_workflow_file_tells_which_workflow_has_a_step() -> None:
    runs = [
        run("a", "t", 0, 60, 5, status="failed", workflow_name="known"),
        run("b", "u", 0, 60, 5, status="failed", workflow_name="other"),
    ]
    log = opening(0, "t", 5) + opening(0, "u", 5) + failed(5, "mine") + failed(6, "not-mine")
    workflow = Workflow("known", False, {"mine": "bash"})
    matching = match(runs, {"f": log}, workflows={"f": workflow})
    assert names(matching) == {"a": ["mine"], "b": ["not-mine"]}


def test_rows_and_other_folders_tell_which_workflow_has_a_step() -> None:
    runs = [
        run("a", "t", 0, 60, 5, status="failed", workflow_name="one"),
        run("b", "u", 0, 60, 5, status="failed", workflow_name="two"),
        run("c", "v", 0, 60, 5, status="failed", workflow_name="two"),
    ]
    alone = opening(0, "v", 5) + failed(3, "scan")
    both = opening(0, "t", 5) + opening(0, "u", 5) + failed(5, "scan")
    # The folder that teaches comes after the one that has to learn.
    assert names(match(runs, {"1-both": both, "2-alone": alone})) == {
        "b": ["scan"],
        "c": ["scan"],
    }


def test_the_only_target_in_the_command_decides_and_whole_names_are_compared() -> None:
    runs = [
        run("a", "example.com", 0, 60, 5, status="failed"),
        run("b", "g1.example.com", 0, 60, 5, status="failed"),
    ]
    folder = "example.com"
    begin = opening(0, "example.com", 5) + opening(0, "g1.example.com", 5)
    path = "/srv/workspaces/example.com/out.txt"
    matching = match(
        runs,
        {
            folder: begin
            + failed(1, "x", command=f"scan g1.example.com > {path}")
            + failed(2, "y", command=f"scan http://example.com:80/ > {path}")
            + failed(3, "z", command=f"sort {path}")
        },
    )
    assert names(matching) == {"b": ["x"], "a": ["y"]}
    assert matching.outcomes[Outcome.AMBIGUOUS] == 1


def test_what_is_truly_ambiguous_is_counted_and_not_guessed() -> None:
    runs = [run(key, "t", 0, 60, 5, status="failed") for key in "ab"]
    log = opening(0, "t", 5) * 2 + failed(5, "one") + failed(5, "one")
    matching = match(runs, {"t": log})
    assert names(matching) == {}
    assert matching.outcomes[Outcome.AMBIGUOUS] == 2


def test_lines_of_a_run_that_the_database_lacks_are_not_given_to_another() -> None:
    runs = [run("b", "u", 0, 60, 5, status="failed", workflow_name="two")]
    log = opening(0, "gone", 5) + opening(0, "u", 5) + failed(5, "one", command="scan gone")
    matching = match(runs, {"f": log})
    assert names(matching) == {}
    assert matching.outcomes[Outcome.UNKNOWN_RUN] == 1


def test_an_unknown_run_is_over_after_a_long_silence() -> None:
    runs = [run("b", "u", 600, 660, 5, status="failed")]
    log = opening(0, "gone", 5) + failed(5, "one") + opening(600, "u", 5) + failed(605, "one")
    matching = match(runs, {"f": log})
    assert names(matching) == {"b": ["one"]}
    assert matching.outcomes[Outcome.UNKNOWN_RUN] == 1


def test_a_line_before_any_beginning_is_counted() -> None:
    matching = match([run("a", "t", 0, 9, 1)], {"t": failed(5, "one")})
    assert matching.outcomes[Outcome.NO_RUN_OPEN] == 1


UUID = "586830e0-0000-4000-8000-000000000001"


def flow_log(uuid: str, module_name: str = "nightly", **params: str) -> bytes:
    """Return the log of a flow with a hook, two modules and a hook."""
    inner = {"target": "t", "RunUUID": uuid, "ModuleName": module_name, **params}
    module = line(0, "Parameters initialized", cli_params=inner)
    return (
        line(0, "Parameters initialized", cli_params={"target": "t"})
        + line(0, "Starting flow execution", target="t", modules=2)
        + failed(0, "before")
        + line(0, "Executing inline module", module="discover")
        + module
        + line(0, "Starting module execution", target="t", steps=2)
        + failed(1, "find")
        + closing(1, 2, "1.0s")
        + line(1, "Executing inline module", module="report")
        + module
        + line(1, "Starting module execution", target="t", steps=1)
        + failed(2, "find")
        + closing(2, 1, "1.0s")
        + failed(3, "after")
        + line(3, "Flow execution completed", duration=3.0)
    )


def test_a_flow_s_steps_know_their_module_and_its_hooks_are_its_own() -> None:
    flow = run(UUID, "t", 0, 3.5, 2, workflow_kind="flow", workflow_name="nightly", id=15)
    matching = match([flow], {"t": flow_log(UUID)})
    assert [(step.name, step.module_name) for step in matching.steps[UUID]] == [
        ("before", ""),
        ("find", "discover"),
        ("find", "report"),
        ("after", ""),
    ]


def test_a_module_with_a_short_uuid_finds_its_run_by_number_target_workflow_and_time() -> None:
    flow = run(UUID, "t", 0, 3.5, 2, workflow_kind="flow", workflow_name="nightly", id=15)
    matching = match([flow], {"t": flow_log("0a1b2c3d", DBRunID="15")})
    assert len(matching.steps[UUID]) == 4


def test_a_whole_uuid_that_the_database_lacks_never_falls_back_to_the_number() -> None:
    flow = run(UUID, "t", 0, 3.5, 9, workflow_kind="flow", workflow_name="nightly", id=15)
    gone = UUID.replace("5868", "ffff")
    matching = match([flow], {"t": flow_log(gone, DBRunID="15")})
    assert matching.steps == {}
    assert matching.outcomes[Outcome.UNKNOWN_RUN] == 4


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


def test_many_runs_over_one_target_are_matched_in_time_that_grows_with_their_number() -> None:
    runs = [run(f"r{n}", "t", n * 10, n * 10 + 5, 1, status="failed") for n in range(2000)]
    log = b"".join(opening(n * 10, "t", 1) + failed(n * 10 + 1, "one") for n in range(2000))
    matching = match(runs, {"t": log})
    assert len(matching.steps) == 2000
    assert matching.outcomes[Outcome.PLACED] == 2000


def test_a_closing_line_that_two_modules_fit_ends_neither() -> None:
    runs = [run(key, key, 0, None, 2, status="running") for key in "ab"]
    log = opening(0, "a", 2) + opening(0, "b", 2) + closing(5, 2, "5.0s")
    matching = match(runs, {"f": log + failed(5, "one", command="scan a")})
    assert names(matching) == {"a": ["one"]}


def test_a_closing_line_ends_what_the_others_leave_for_it() -> None:
    # The first line fits run a alone; so the second one, which fits both, is run b's.
    runs = [run("a", "a", 0, None, 2, status="running"), run("b", "b", 2, None, 2)]
    log = opening(0, "a", 2) + opening(1, "b", 2) + closing(5, 2, "5.5s") + closing(6, 2, "5.5s")
    assert names(match(runs, {"f": log + failed(6, "one")})) == {}


def test_a_killed_run_takes_no_line_long_after_it_went_quiet() -> None:
    runs = [run("a", "t", 0, None, 5), run("b", "t", 900, 960, 5, status="failed")]
    log = opening(0, "t", 5) + failed(1, "one") + opening(900, "t", 5) + failed(905, "one")
    assert names(match(runs, {"t": log})) == {"a": ["one"], "b": ["one"]}


def test_of_two_runs_alike_the_one_started_first_begins_first() -> None:
    # The first one was killed: it ends last of all.
    runs = [run("a", "t", 0.1, None, 5), run("b", "t", 0.7, 30, 5, status="failed")]
    log = opening(0, "t", 5) + failed(0, "one") + opening(0, "t", 5)
    assert names(match(runs, {"t": log})) == {"a": ["one"]}


def test_the_target_in_the_command_tells_more_than_what_workflows_are_known_to_have() -> None:
    runs = [
        run("a", "g1.example.com", 0, 60, 5, status="failed", workflow_name="one"),
        run("b", "g2.example.com", 0, 60, 5, status="failed", workflow_name="two"),
        run("c", "v", 0, 60, 5, status="failed", workflow_name="two"),
    ]
    alone = opening(0, "v", 5) + failed(3, "scan")
    both = opening(0, "g1.example.com", 5) + opening(0, "g2.example.com", 5)
    both += failed(5, "scan", command="scan g1.example.com")
    assert names(match(runs, {"1": alone, "2": both})) == {"a": ["scan"], "c": ["scan"]}


def test_as_many_steps_as_a_module_has_are_all_it_has() -> None:
    runs = [
        run("a", "t", 0, 20, 1, workflow_name="one"),
        run("b", "t", 30, 90, 1, status="failed", workflow_name="one"),
        run("c", "u", 30, 90, 5, status="failed", workflow_name="two"),
    ]
    log = opening(0, "t", 1) + completed(9, "only") + opening(30, "t", 1) + opening(30, "u", 5)
    assert names(match(runs, {"f": log + failed(40, "other")})) == {"a": ["only"], "c": ["other"]}


def test_an_empty_log_matches_nothing() -> None:
    folder = FolderLog("f", read_execution_log([]))
    assert folder.log.events == []
    assert match([], {"f": b""}).steps == {}
