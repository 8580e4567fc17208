"""The page of one run: which steps it shows, what stands around them, and how it follows a run."""

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.columns import utc_now
from webapp.extensions import db
from webapp.ingest.records import RunRecord, StepRecord
from webapp.models import Recovered, RunStatus, Step, StepStatus
from webapp.queries.peeks import SHOWN_CHARACTERS, cut_peek
from webapp.queries.run_steps import find_run_steps, find_step_groups
from webapp.queries.runs import get_run

from .data import START, make_run, make_source, make_step, write
from .statements import collected_statements

HTMX = {"HX-Request": "true"}


def shown_ids(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<tr id="step-(\d+)">', page)]


def live_url(page: str) -> str:
    """Return where the page asks for what has changed, or an empty text."""
    found = re.search(r'<div id="live" hx-get="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else ""


def make_moving(**changes: object) -> RunRecord:
    """Return a run that is running, with a sign of life just now."""
    now = utc_now()
    values: dict[str, object] = {
        "status": RunStatus.RUNNING,
        "started_at": now - timedelta(seconds=20),
        "completed_at": None,
        "updated_at": now,
    }
    return make_run("1", **{**values, **changes})


def make_open(n: int, status: StepStatus, **changes: object) -> StepRecord:
    """Return a step that has not ended."""
    started_at: datetime | None = START + timedelta(seconds=n)
    return make_step(
        1,
        n,
        status=status,
        output="",
        completed_at=None,
        started_at=None if status == StepStatus.PENDING else started_at,
        **changes,
    )


@pytest.fixture
def mixed(app: Flask) -> None:
    """Write a run of six steps: two failed, one of these and one more recovered."""
    write(
        app,
        [make_run("1", status=RunStatus.FAILED, total_steps=6)],
        [
            make_step(1, 1),
            make_step(
                1, 2, status=StepStatus.FAILED, error="no", recovered=Recovered.EXECUTION_LOG
            ),
            make_step(1, 3, recovered=Recovered.CONSOLE_LOG),
            make_step(1, 4, status=StepStatus.SKIPPED),
            make_step(1, 5, status=StepStatus.FAILED, error="no", output="a\nlast words\n"),
            make_step(1, 6),
        ],
    )


@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize(
    ("show", "ids"),
    [
        ("all", [1, 2, 3, 4, 5, 6]),
        ("failed", [2, 5]),
        ("recovered", [2, 3]),
        ("completed", [1, 3, 6]),
        ("skipped", [4]),
        ("running", []),
        ("nonsense", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_steps_are_filtered_by_a_link_with_their_count(
    signed_in: FlaskClient, show: str, ids: list[int]
) -> None:
    page = signed_in.get(f"/runs/1?show={show}").text
    assert shown_ids(page) == ids
    for value, n in (("all", 6), ("failed", 2), ("recovered", 2), ("completed", 3)):
        assert re.search(rf'id="show-{value}".*<b>{n}</b></a>', page), value
    # Whatever the table shows, the timeline has all steps.
    assert page.count('class="timeline-row"') == 6


@pytest.mark.usefixtures("mixed")
def test_htmx_gets_only_the_steps(app: Flask, signed_in: FlaskClient) -> None:
    with collected_statements(app) as statements:
        response = signed_in.get("/runs/1?show=failed", headers=HTMX)
    assert shown_ids(response.text) == [2, 5]
    assert "<html" not in response.text and "timeline" not in response.text
    assert response.vary.as_set() >= {"hx-request"}
    # The user, the run, its steps.
    assert len(statements) == 3
    for kind in ("HX-Boosted", "HX-History-Restore-Request"):
        whole = signed_in.get("/runs/1?show=failed", headers={**HTMX, kind: "true"})
        assert "<html" in whole.text


@pytest.mark.usefixtures("mixed")
def test_a_run_leads_straight_to_the_line_it_failed_at(signed_in: FlaskClient) -> None:
    page = signed_in.get("/runs/1").text
    assert "the 5th of 6 steps" in page
    assert re.search(r'<a class="failing-line[^>]* href="/steps/5#L2">no - last words</a>', page)
    assert 'href="/runs/1?show=failed#steps"' in page


def test_an_empty_view_of_steps_leads_to_all_of_them(app: Flask, signed_in: FlaskClient) -> None:
    write(app, [make_run("1")], [make_step(1, 1)])
    page = signed_in.get("/runs/1?show=failed").text
    assert "No step of this run is failed." in page
    assert '<a href="/runs/1#steps">Show all 1</a>' in page


def test_a_run_tells_its_usual_duration_its_group_and_the_other_runs(
    app: Flask, signed_in: FlaskClient
) -> None:
    long = START + timedelta(minutes=3)
    runs = [make_run(str(n), run_group_id="group 7") for n in range(1, 13)]
    write(app, [*runs, make_run("13", completed_at=long), make_run("14", workflow_name="other")])
    page = signed_in.get("/runs/13").text
    assert ">usual 1 min 00 s<" in page and "3.0 times the usual" in page
    others = page[page.index("others-title") :]
    assert re.findall(r'<a href="/runs/(\d+)">#', others) == [str(n) for n in range(12, 3, -1)]
    assert "#13, this run" in others and 'href="/runs/13/compare?with=12"' in others
    assert 'href="/runs?workflow_name=recon-domain"' in others
    assert 'href="/runs/12" rel="prev"' in page and 'rel="next"' not in page
    assert 'href="/run-groups/group%207"' in signed_in.get("/runs/1").text
    alone = signed_in.get("/runs/14").text
    assert "others-title" not in alone and "Compare" not in alone


def test_a_step_is_peeked_at_in_its_row(app: Flask, signed_in: FlaskClient) -> None:
    lines = "".join(f"line <{n}>\n" for n in range(1, 101))
    failed = make_step(1, 1, status=StepStatus.FAILED, error="\x1b[31mno", output=lines)
    write(app, [make_run("1")], [failed, make_step(1, 2, output="")])
    page = signed_in.get("/steps/1/peek").text
    assert page.startswith('<tr class="peek-row" id="peek-1">') and "<html" not in page
    assert page.index("no</span>") < page.index("line &lt;61&gt;")
    assert "line &lt;60&gt;" not in page and "line &lt;100&gt;" in page
    assert 'href="/steps/1#L61"' in page and "The last 40 of 100 lines." in page
    assert "It printed nothing." in signed_in.get("/steps/2/peek").text
    assert signed_in.get("/steps/3/peek").status_code == 404
    assert signed_in.get("/steps/1/peek?x=1").status_code == 400


@pytest.mark.parametrize(
    ("end", "output_lines", "first_line", "n", "is_cut"),
    [
        ("a\nb\n", 2, 1, 2, False),
        ("rest of 1\n2\n3\n", 9, 8, 2, False),
        ("\n" * 100, 100, 61, 40, False),
        ("x" * SHOWN_CHARACTERS, 5, 5, 1, True),
    ],
)
def test_a_peek_is_of_whole_lines(
    end: str, output_lines: int, first_line: int, n: int, is_cut: bool
) -> None:
    peek = cut_peek(end, output_lines)
    assert (peek.first_line, len(peek.lines), peek.is_cut) == (first_line, n, is_cut)


def test_a_run_that_goes_on_is_followed_until_it_ends(app: Flask, signed_in: FlaskClient) -> None:
    source_id = make_source(app)
    steps = [make_step(1, 1), make_open(2, StepStatus.RUNNING), make_open(3, StepStatus.PENDING)]
    write(app, [make_moving()], steps, source_id=source_id)
    page = signed_in.get("/runs/1").text
    assert "This page follows the run." in page and "data-elapsed=" in page
    assert re.search(r"<dt>at work</dt><dd><a href=\"/steps/2\">step-2</a>", page)
    url = live_url(page)
    # Nothing has changed.
    response = signed_in.get(url, headers=HTMX)
    assert (response.status_code, response.data) == (204, b"")

    new = make_open(4, StepStatus.RUNNING, module_name="report")
    write(app, [], [make_step(1, 2), make_open(3, StepStatus.RUNNING), new], source_id=source_id)
    changed = signed_in.get(url, headers=HTMX).text
    # The first one had ended; it cannot change, and is not sent again.
    assert shown_ids(changed) == [2, 3, 4]
    assert changed.index('id="module-4"') < changed.index('id="step-4"')
    assert 'id="run-facts"' in changed and 'id="run-timeline"' in changed
    assert 'id="run-left"' not in changed
    url = live_url(changed)
    assert signed_in.get(url, headers=HTMX).status_code == 204

    ended = make_run("1", status=RunStatus.FAILED, error="out of time")
    write(app, [ended], [make_step(1, 3), make_step(1, 4)], source_id=source_id)
    last = signed_in.get(url, headers=HTMX).text
    assert shown_ids(last) == [3, 4]
    assert "out of time" in last and 'id="run-left"' in last
    assert live_url(last) == "" and '<div id="live"></div>' in last
    assert "data-elapsed" not in last


def test_an_output_that_grows_is_a_change(app: Flask, signed_in: FlaskClient) -> None:
    source_id = make_source(app)
    write(app, [make_moving()], [make_open(1, StepStatus.RUNNING)], source_id=source_id)
    url = live_url(signed_in.get("/runs/1").text)
    growing = make_open(1, StepStatus.RUNNING)
    growing.output = "found one\n"
    write(app, [], [growing], source_id=source_id)
    assert "found one" in signed_in.get(url, headers=HTMX).text


def test_a_followed_view_keeps_the_rows_that_it_had(app: Flask, signed_in: FlaskClient) -> None:
    source_id = make_source(app)
    write(app, [make_moving()], [make_open(1, StepStatus.RUNNING)], source_id=source_id)
    url = live_url(signed_in.get("/runs/1?show=running").text)
    steps = [make_step(1, 1), make_step(1, 2), make_open(3, StepStatus.RUNNING)]
    write(app, [], steps, source_id=source_id)
    page = signed_in.get(url, headers=HTMX).text
    # What ran is said to have ended; of the new ones only what runs belongs here.
    assert shown_ids(page) == [1, 3]


def test_the_first_step_of_a_run_brings_the_table(app: Flask, signed_in: FlaskClient) -> None:
    source_id = make_source(app)
    queued = make_moving(status=RunStatus.QUEUED, started_at=None)
    write(app, [queued], source_id=source_id)
    url = live_url(signed_in.get("/runs/1").text)
    assert signed_in.get(url, headers=HTMX).status_code == 204
    write(app, [make_moving()], [make_open(1, StepStatus.RUNNING)], source_id=source_id)
    page = signed_in.get(url, headers=HTMX).text
    assert 'id="steps"' in page and shown_ids(page) == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {"updated_at": utc_now() - timedelta(hours=25)},
        {"status": RunStatus.COMPLETED},
        {"status": RunStatus.CANCELLED},
    ],
)
def test_a_run_that_has_ended_or_is_silent_is_not_followed(
    app: Flask, signed_in: FlaskClient, changes: dict[str, object]
) -> None:
    write(app, [make_moving(**changes)], [make_open(1, StepStatus.RUNNING)])
    page = signed_in.get("/runs/1").text
    assert live_url(page) == "" and "follows the run" not in page


def test_following_refuses_what_no_page_asks(app: Flask, signed_in: FlaskClient) -> None:
    write(app, [make_moving()])
    for query in ("x=1", "after=x", "show=nonsense", "step=-1"):
        response = signed_in.get(f"/runs/1/live?{query}", headers=HTMX)
        assert response.status_code == 400, query
    assert signed_in.get("/runs/2/live", headers=HTMX).status_code == 404


def test_following_a_run_that_rests_sends_few_statements(
    app: Flask, signed_in: FlaskClient
) -> None:
    write(app, [make_moving()], [make_open(1, StepStatus.RUNNING)])
    url = live_url(signed_in.get("/runs/1").text)
    with collected_statements(app) as statements:
        signed_in.get(url, headers=HTMX)
    # The user, the run, the steps that may change.
    assert len(statements) == 3


def test_a_long_run_is_filtered_paged_and_told_over_all_of_its_pages(
    app: Flask, signed_in: FlaskClient
) -> None:
    steps = [
        make_step(
            1,
            n,
            step_name=f"scan-{n}",
            recovered=Recovered.CONSOLE_LOG if n > 250 else Recovered.NO,
        )
        for n in range(1, 301)
    ]
    failed = (150, 151)
    for n in failed:
        steps[n - 1] = make_step(1, n, status=StepStatus.FAILED, error="no")
    write(app, [make_run("1")], steps)
    page = signed_in.get("/runs/1?show=failed").text
    assert shown_ids(page) == list(failed)
    assert "the 151st of 300 steps" in page
    assert "These are the first 100 of 300." in page
    assert "50 of 300 steps" in page and "50 from the console log" in page
    second = signed_in.get("/runs/1?show=completed&offset=200").text
    assert shown_ids(second) == list(range(203, 301))
    assert 'href="/runs/1?show=completed&amp;offset=100#steps"' in second
    fragment = signed_in.get("/runs/1?show=recovered", headers=HTMX).text
    assert shown_ids(fragment) == list(range(251, 301))


def test_a_module_that_was_skipped_is_drawn_so(app: Flask) -> None:
    skipped = {"module_name": "skipped", "status": StepStatus.SKIPPED}
    steps = [make_step(1, n, **skipped) for n in range(1, 4)]
    steps += [make_step(1, 4, module_name="partly", status=StepStatus.SKIPPED)]
    steps += [make_step(1, n, module_name="partly") for n in range(5, 7)]
    write(app, [make_run("1")], steps)
    with app.app_context():
        run = get_run("1")
        found = find_step_groups(run, Step.module_name, 10).groups
    assert [(one.name, one.status) for one in found] == [
        ("skipped", "skipped"),
        ("partly", "completed"),
    ]


def test_a_group_counts_the_steps_that_failed(app: Flask, signed_in: FlaskClient) -> None:
    steps = [make_step(1, n, module_name=f"mod-{n % 2}") for n in range(1, 201)]
    failed = {"status": StepStatus.FAILED, "error": "no", "module_name": "mod-1"}
    steps += [make_step(1, n, **failed) for n in (201, 202)]
    write(app, [make_run("1")], steps)
    page = signed_in.get("/runs/1").text
    assert "2 groups, failed: 2 of 102 in mod-1." in page
    assert page.count('class="timeline-bar s-failed"') == 1
    assert page.count('class="timeline-bar s-completed"') == 2


def test_a_long_run_leads_to_the_step_that_failed_among_those_at_its_place(
    app: Flask, signed_in: FlaskClient
) -> None:
    steps = [make_step(1, n) for n in range(1, 251)]
    failed = {"status": StepStatus.FAILED, "error": "no", "step_name": "the-broken"}
    steps.append(make_step(1, 100, source_key="again", **failed))
    write(app, [make_run("1", status=RunStatus.FAILED)], steps)
    page = signed_in.get("/runs/1").text
    assert '<a href="/steps/251">the-broken</a>, the 100th of 251 steps' in page


# PostgreSQL decides by its statistics.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_steps_of_a_run_are_read_along_their_index(app: Flask) -> None:
    write(app, [make_run("1")], [make_step(1, n) for n in range(1, 4)])
    with app.app_context(), collected_statements(app) as statements:
        for shown in ("", "failed", "recovered"):
            find_run_steps(1, shown, 10)
        connection = db.session.connection()
        for statement in list(statements):
            nothing = (None,) * statement.count("?")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", nothing).all()
            assert any("ix_steps_run_id_position (run_id=?" in row[3] for row in plan), statement
