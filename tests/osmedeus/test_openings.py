"""Which run, or module of a flow, begins where in a log."""

from webapp.ingest.osmedeus.matching import Outcome

from .logs import closing, failed, line, match, names, opening, run

UUID = "586830e0-0000-4000-8000-000000000001"


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


def test_of_two_runs_alike_the_one_started_first_begins_first() -> None:
    # The first one was killed: it ends last of all.
    runs = [run("a", "t", 0.1, None, 5), run("b", "t", 0.7, 30, 5, status="failed")]
    log = opening(0, "t", 5) + failed(0, "one") + opening(0, "t", 5)
    assert names(match(runs, {"t": log})) == {"a": ["one"]}


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
