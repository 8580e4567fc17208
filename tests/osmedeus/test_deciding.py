"""Which of the open runs a line without a row belongs to: one test for each rule."""

from webapp.ingest.osmedeus.matching import Outcome
from webapp.ingest.osmedeus.workflow_file import Workflow

from .logs import completed, failed, match, names, opening, run


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


def test_a_killed_run_takes_no_line_long_after_it_went_quiet() -> None:
    runs = [run("a", "t", 0, None, 5), run("b", "t", 900, 960, 5, status="failed")]
    log = opening(0, "t", 5) + failed(1, "one") + opening(900, "t", 5) + failed(905, "one")
    assert names(match(runs, {"t": log})) == {"a": ["one"], "b": ["one"]}
