"""Which run, or module of a flow, a closing line ends."""

from .logs import closing, failed, match, names, opening, run


def test_the_end_of_a_module_ends_the_run_that_it_fits() -> None:
    runs = [run("a", "t", 0, 30, 2), run("b", "u", 0, 50, 3, status="failed")]
    log = opening(0, "t", 2) + opening(0, "u", 3) + closing(29, 2, "29.0s") + failed(29, "one")
    assert names(match(runs, {"f": log})) == {"b": ["one"]}


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
