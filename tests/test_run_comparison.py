"""Two runs side by side: which steps are the same, what took longer, and where it went."""

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.columns import utc_now
from webapp.comparison import pair_up, sort_by_difference, tell_difference
from webapp.models import RunStatus, StepStatus
from webapp.queries.comparisons import find_step_sums

from .data import START, make_run, make_step, write
from .statements import collected_statements, without_versions


@dataclass
class Step:
    """A step as a comparison sees it."""

    step_name: str
    duration_ms: int | None = 100
    module_name: str = ""
    status: str = "completed"
    id: int = 1


def test_steps_are_paired_by_module_name_and_occurrence() -> None:
    here = [Step("a"), Step("b", module_name="m"), Step("a", 200), Step("new")]
    there = [Step("a"), Step("old"), Step("older"), Step("b"), Step("a"), Step("a")]
    pairs = pair_up(here, there, 1000)
    assert [
        (pair.module_name, pair.step_name, pair.occurrence, bool(pair.here), bool(pair.there))
        for pair in pairs
    ] == [
        ("", "a", 1, True, True),
        # What only the other run has stands where it stood there.
        ("", "old", 1, False, True),
        ("", "older", 1, False, True),
        ("", "b", 1, False, True),
        ("m", "b", 1, True, False),
        ("", "a", 2, True, True),
        ("", "a", 3, False, True),
        ("", "new", 1, True, False),
    ]


def test_much_slower_is_what_makes_a_difference_to_the_run() -> None:
    here = [Step("much", 900), Step("a bit", 1100), Step("tiny", 40), Step("faster", 10)]
    there = [Step("much", 300), Step("a bit", 1000), Step("tiny", 10), Step("faster", 500)]
    pairs = pair_up(here, there, 5000)
    differences = [pair.difference for pair in pairs]
    assert [one.is_much_slower for one in differences if one] == [True, False, False, False]
    assert [one.words for one in differences if one] == [
        "600 ms longer, 3.0 times as long",
        "100 ms longer",
        "30 ms longer, 4.0 times as long",
        "490 ms shorter",
    ]
    assert [pair.step_name for pair in sort_by_difference(pairs)] == [
        "much",
        "faster",
        "a bit",
        "tiny",
    ]
    assert differences[0] and differences[0].share == 50


def test_steps_without_a_time_have_no_difference_and_come_last() -> None:
    here = [Step("runs", None, status="running"), Step("b", 200)]
    pairs = pair_up(here, [Step("runs", 100), Step("b", 100)], 300)
    assert pairs[0].difference is None and pairs[0].has_other_status
    assert [pair.step_name for pair in sort_by_difference(pairs)] == ["b", "runs"]


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        (1000, 1000, "about the same"),
        (1049, 1000, "about the same"),
        (1060, 1000, "60 ms longer"),
        (3000, 1000, "2.0 s longer, 3.0 times as long"),
        (20_000, 1000, "19.0 s longer, 20 times as long"),
        (9000, 1, "9.0 s longer"),
        (500, 1000, "500 ms shorter"),
        (50, 0, "50 ms longer"),
        (0, 0, "about the same"),
    ],
)
def test_a_difference_is_said_in_words(here: float, there: float, words: str) -> None:
    assert tell_difference(here, there) == words


@pytest.fixture
def rows(app: Flask) -> None:
    """Write five runs of a workflow, of which 2 completed and 4 is slow, and one of another."""
    runs = [
        make_run("1"),
        make_run("2", completed_at=START + timedelta(seconds=20)),
        make_run("3", status=RunStatus.FAILED),
        make_run("4", completed_at=START + timedelta(seconds=30)),
        make_run("5", completed_at=START + timedelta(seconds=20)),
        make_run("6", workflow_name="other"),
    ]
    steps = [make_step(2, n) for n in range(1, 5)]
    slow = {"completed_at": START + timedelta(seconds=10), "duration_ms": 8000}
    steps += [
        make_step(4, 1),
        make_step(4, 2, **slow),
        make_step(4, 3, status=StepStatus.FAILED, error="no"),
        make_step(4, 5, step_name="<b>extra</b>"),
    ]
    write(app, runs, steps)


def text_of(page: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page).split())


@pytest.mark.usefixtures("rows")
def test_a_run_is_compared_with_the_completed_one_before_it(signed_in: FlaskClient) -> None:
    page = signed_in.get("/runs/4/compare").text
    said = text_of(page)
    assert "#4 compared with #2" in said
    assert "#4 was 10.0 s longer than #2, 1.5 times as long" in said
    assert "Most of it: step-2 7.5 s longer, 16 times as long" in said
    assert "much slower: 7.5 s longer" in said
    assert "ok there, failed here" in said
    assert "not in #4" in said and "not in #2" in said
    assert "<b>extra" not in page and "&lt;b&gt;extra" in page
    assert re.findall(r'<option value="(\d+)"( selected)?>', page)[:4] == [
        ("5", ""),
        ("3", ""),
        ("2", " selected"),
        ("1", ""),
    ]


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (3, r"#2 has taken 3 min \d\d s so far; #1 took 46 min 00 s"),
        (92, r"#2 has taken 1 h 32 min so far, 46 min \d\d s longer than #1, 2.0 times as long"),
    ],
)
def test_a_run_that_goes_on_is_not_said_to_be_shorter(
    app: Flask, signed_in: FlaskClient, minutes: int, said: str
) -> None:
    now = utc_now()
    times = {"started_at": now - timedelta(minutes=minutes), "updated_at": now}
    going_on = {"status": RunStatus.RUNNING, "completed_at": None, **times}
    runs = [make_run("1", completed_at=START + timedelta(minutes=46)), make_run("2", **going_on)]
    write(app, runs, [make_step(1, 1, duration_ms=90_000), make_step(2, 1)])
    text = text_of(signed_in.get("/runs/2/compare").text)
    assert re.search(said, text), text
    assert "so far 46 min 00 s" in text
    assert ("Most of it" in text) is False
    swapped = text_of(signed_in.get("/runs/1/compare?with=2").text)
    assert "#1 took 46 min 00 s; #2 has taken" in swapped


@pytest.mark.usefixtures("rows")
def test_another_run_and_order_may_be_chosen(signed_in: FlaskClient) -> None:
    page = signed_in.get("/runs/2/compare?with=4&sort=difference").text
    assert "#2 was 10.0 s shorter than #4" in text_of(page)
    names = re.findall(r'<td class="c-name name" title="([^"]*)"', page)
    assert names[0] == "step-2"
    other = text_of(signed_in.get("/runs/4/compare?with=6").text)
    assert "#6 is a run of another workflow, other." in other


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("with=99", "with: there is no run 99"),
        ("with=4", "with: 4 is this run itself; name another"),
        ("with=x", "with: &#39;x&#39; is not a whole number"),
        ("sort=name", "sort: &#39;name&#39; is not allowed; allowed are place, difference"),
        ("with_=2", "with_: unknown parameter; allowed are sort, with"),
    ],
)
def test_what_is_wrong_with_a_comparison_is_said(
    signed_in: FlaskClient, query: str, said: str
) -> None:
    page = signed_in.get(f"/runs/4/compare?{query}").text
    assert said in page and "compared with" in page


@pytest.mark.usefixtures("rows")
def test_the_only_run_of_a_workflow_has_nothing_to_be_compared_with(
    signed_in: FlaskClient,
) -> None:
    assert "Nothing to compare with" in signed_in.get("/runs/6/compare").text
    assert signed_in.get("/runs/99/compare").status_code == 404
    # The first run is compared with a later one.
    assert "compared with" in signed_in.get("/runs/1/compare").text


@pytest.mark.usefixtures("rows")
def test_time_in_which_nothing_ran_is_told_too(app: Flask, signed_in: FlaskClient) -> None:
    late = START + timedelta(seconds=40)
    run = make_run("7", completed_at=START + timedelta(seconds=60))
    steps = [
        make_step(7, n, started_at=late, completed_at=late + timedelta(seconds=1)) for n in (1, 2)
    ]
    write(app, [run], steps, source_id=1)
    said = text_of(signed_in.get("/runs/7/compare?with=5").text)
    assert "nothing ran" not in said, "the other run has no steps to tell it by"
    said = text_of(signed_in.get("/runs/7/compare?with=2").text)
    assert "nothing ran before the first step 40.0 s 1.0 s 39.0 s longer" in said
    assert "Most of it: nothing ran before the first step: 39.0 s longer" in said


@pytest.mark.usefixtures("rows")
def test_a_comparison_sends_few_statements(app: Flask, signed_in: FlaskClient) -> None:
    with collected_statements(app) as statements:
        signed_in.get("/runs/4/compare")
    # The user; the run; which other; that one; the steps of both; runs to choose; running now.
    assert len(without_versions(statements)) == 8


def test_the_steps_of_giant_runs_are_added_up_by_name(app: Flask, signed_in: FlaskClient) -> None:
    steps = [make_step(run, n, step_name=f"scan-{n % 3}") for run in (1, 2) for n in range(1, 451)]
    steps[0] = make_step(1, 1, step_name="scan-1", status=StepStatus.FAILED, error="no")
    write(app, [make_run("1"), make_run("2")], steps)
    page = signed_in.get("/runs/2/compare").text
    said = text_of(page)
    assert "steps of one name are added up" in said
    assert said.count("× 150") == 6
    assert "failed there, ok here" in said


def test_the_sum_of_steps_has_the_status_of_the_worst(app: Flask, signed_in: FlaskClient) -> None:
    write(app, [make_run("1"), make_run("2")], [make_step(2, n) for n in range(1, 402)])
    statuses = {
        "skipped": [StepStatus.SKIPPED] * 2,
        "partly": [StepStatus.SKIPPED, StepStatus.COMPLETED],
        "runs": [StepStatus.SKIPPED, StepStatus.RUNNING],
        "waits": [StepStatus.COMPLETED, StepStatus.PENDING],
        "fails": [StepStatus.RUNNING, StepStatus.FAILED],
    }
    steps = [
        make_step(1, 10 * place + n, step_name=name, status=status)
        for place, (name, both) in enumerate(statuses.items())
        for n, status in enumerate(both)
    ]
    write(app, [], steps, source_id=1)
    with app.app_context():
        found = {one.step_name: one for one in find_step_sums(1, 10)}
    assert {name: one.status for name, one in found.items()} == {
        "skipped": "skipped",
        "partly": "completed",
        "runs": "running",
        "waits": "pending",
        "fails": "failed",
    }
    assert (found["skipped"].duration_ms, found["partly"].duration_ms) == (None, 1000)
