"""The overview: what it shows, and that every number is that of the list it links to."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.columns import utc_now
from webapp.ingest.demo import import_demo
from webapp.ingest.records import RunRecord, StepRecord
from webapp.models import RunStatus, StepStatus
from webapp.periods import DAY, Period
from webapp.queries import overview
from webapp.queries.counts import Total
from webapp.queries.daily import add_totals, count_failed_steps_by, count_runs_by
from webapp.queries.failures import find_failure_groups
from webapp.queries.overview import find_slow_steps
from webapp.queries.workflows import find_workflows

from .data import make_run, make_step, write
from .statements import collected_statements, without_versions

HOSTILE = "!<b>a & 'b'</b> 100%"
REFUSED = "connection refused: 127.0.0.1:9200"
HOUR = timedelta(hours=1)


def run(key: str, ago: timedelta, **changes: Any) -> RunRecord:
    """Return a run that began so long ago and took a minute."""
    began = utc_now() - ago
    times = {"started_at": began, "created_at": began, "updated_at": began}
    return make_run(key, **{**times, "completed_at": began + timedelta(minutes=1), **changes})


def step(run_id: int, n: int, ago: timedelta, **changes: Any) -> StepRecord:
    """Return a step that began so long ago."""
    began = utc_now() - ago
    times = {"started_at": began, "completed_at": began + timedelta(seconds=1)}
    return make_step(run_id, n, **{**times, "duration_ms": 1_000, **changes})


def failed_step(run_id: int, n: int, ago: timedelta, **changes: Any) -> StepRecord:
    """Return a step that failed so long ago as its preview says: "exit 7 - ..."."""
    values = {
        "step_name": "send-results",
        "status": StepStatus.FAILED,
        "error": "command exited with code 7",
        "output": REFUSED + "\n",
    }
    return step(run_id, n, ago, **{**values, **changes})


@pytest.fixture
def rows(app: Flask) -> None:
    """Write runs of three workflows over two weeks that ended in every way."""
    runs = [
        run("1", 20 * DAY),
        run("2", 9 * DAY, status=RunStatus.FAILED),
        run("3", 3 * DAY, workflow_name=HOSTILE, status=RunStatus.FAILED),
        run("4", 20 * HOUR, status=RunStatus.FAILED),
        run("5", 5 * HOUR, workflow_name=HOSTILE, status=RunStatus.CANCELLED),
        run(
            "6", 3 * HOUR, workflow_name="nightly", status=RunStatus.FAILED, error="no such target"
        ),
        run("7", 2 * HOUR, status=RunStatus.FAILED),
        run("8", HOUR, status=RunStatus.RUNNING, completed_at=None, total_steps=4),
        run("9", 30 * HOUR, workflow_name="nightly", status=RunStatus.RUNNING, completed_at=None),
        run("10", HOUR, status=RunStatus.QUEUED, started_at=None, completed_at=None),
    ]
    steps = [
        failed_step(2, 1, 9 * DAY),
        failed_step(3, 1, 3 * DAY, step_name=HOSTILE, output=HOSTILE),
        failed_step(4, 1, 20 * HOUR),
        failed_step(4, 2, 19 * HOUR, output="disk full\n"),
        failed_step(7, 1, 2 * HOUR),
        failed_step(7, 2, 1.5 * HOUR, step_name="send-results-again"),
        step(8, 1, HOUR, step_name="find-hosts"),
        step(8, 2, HOUR / 2, step_name="scan", status=StepStatus.RUNNING, completed_at=None),
        step(9, 1, 30 * HOUR, step_name="first-wait"),
        step(1, 1, 20 * DAY, step_name="scan", duration_ms=4_000),
        step(2, 2, 9 * DAY, step_name="scan", duration_ms=90_000),
        step(4, 3, 19 * HOUR, step_name="scan", duration_ms=60_000),
    ]
    write(app, runs, steps)


def links_with_counts(text: str) -> list[tuple[str, str]]:
    """Return (number, address) of each link that says what it counts."""
    found = re.findall(r'<a [^>]*data-count="([^"]+)" href="([^"]+)"', text)
    assert len(found) == text.count("data-count=")
    return [(count, html.unescape(url)) for count, url in found]


def assert_every_number_is_that_of_its_list(client: FlaskClient, path: str = "/") -> set[str]:
    """Open every link of a number; return the paths that they lead to."""
    links = links_with_counts(client.get(path).text)
    for count, url in dict.fromkeys(links):
        page = client.get(url)
        assert page.status_code == 200, url
        assert "Left out of this view" not in page.text, url
        total = re.search(r'id="total".*?<b>([^<]+)</b>', page.text)
        assert total and total[1] == count, url
    return {urlsplit(url).path for _, url in links}


def section(text: str, title: str) -> str:
    """Return what a section of the page holds."""
    found = re.search(rf'<h2 id="{title}".*?</section>', text, re.S)
    assert found, title
    return html.unescape(found[0])


@pytest.mark.usefixtures("rows")
def test_every_number_is_that_of_the_list_it_links_to(signed_in: FlaskClient) -> None:
    paths = assert_every_number_is_that_of_its_list(signed_in)
    groups = {path for path in paths if path.startswith("/failure-groups/")}
    assert paths - groups == {"/steps", "/runs", "/workflows", "/failure-groups"}
    assert len(groups) == 1
    assert_every_number_is_that_of_its_list(signed_in, "/workflows")
    assert_every_number_is_that_of_its_list(signed_in, "/failure-groups")


def test_the_same_holds_for_the_real_runs(app: Flask, signed_in: FlaskClient) -> None:
    with app.app_context():
        import_demo(lambda *_: None)
    paths = assert_every_number_is_that_of_its_list(signed_in)
    assert {"/steps", "/runs", "/workflows"} <= paths
    assert len(links_with_counts(signed_in.get("/").text)) > 40


@pytest.mark.usefixtures("rows")
def test_what_failed_stands_newest_first_with_its_line(signed_in: FlaskClient) -> None:
    text = section(signed_in.get("/").text, "failures-title")
    names = re.findall(r'class="name cut"[^>]*>([^<]+)<', text)
    assert names == [
        "send-results-again",
        "send-results",
        "the run itself",
        "the run itself",
        "send-results",
        "send-results",
    ]
    lines = re.findall(r'class="line cut[^>]*>([^<]+)<', text)
    assert lines == [
        f"exit 7 - {REFUSED}",
        f"exit 7 - {REFUSED}",
        "no such target",
        "none of its steps failed",
        "exit 7 - disk full",
        f"exit 7 - {REFUSED}",
    ]
    assert 'href="/steps/5"' in text
    numbers = [count for count, _ in links_with_counts(text)]
    assert numbers == ["4", "3", "1"]


@pytest.mark.usefixtures("rows")
def test_what_failed_alike_is_one_group(signed_in: FlaskClient) -> None:
    text = section(signed_in.get("/").text, "groups-title")
    assert links_with_counts(text)[0][0] == "1"
    count, url = links_with_counts(text)[1]
    assert count == "2"
    page = signed_in.get(url).text
    assert re.findall(r'<tr>\s*<td class="c-status">.*\s*.*href="(/steps/\d+)"', page) == [
        "/steps/5",
        "/steps/3",
    ]
    alone = signed_in.get(url.replace("/5?", "/4?")).text
    assert '<span id="total" class="total"><b>1</b>' in alone
    assert "disk full" in alone


def test_what_failed_lately_is_told_however_long_ago_it_began(
    app: Flask, signed_in: FlaskClient
) -> None:
    ended = {"completed_at": utc_now() - HOUR}
    runs = [
        run("1", 30 * HOUR, status=RunStatus.RUNNING, completed_at=None),
        run("2", 30 * HOUR, status=RunStatus.FAILED, workflow_name="long", **ended),
        run("3", 30 * HOUR, status=RunStatus.FAILED, workflow_name="short"),
    ]
    steps = [failed_step(1, n, 29 * HOUR, **ended) for n in (1, 2)]
    steps.append(failed_step(3, 1, 29 * HOUR))
    write(app, runs, steps)
    text = section(signed_in.get("/").text, "failures-title")
    assert re.findall(r'href="/(?:steps|runs)/(\d+)"', text) == ["2", "1", "1", "1", "2"]
    assert links_with_counts(text) == [
        ("2", "/steps?status=failed&ended=24h"),
        ("1", "/runs?status=failed&ended=24h"),
    ]
    assert_every_number_is_that_of_its_list(signed_in)
    assert_every_number_is_that_of_its_list(signed_in, "/failure-groups")


def test_a_failure_of_which_nobody_knows_the_end_is_told_by_its_last_sign(
    app: Flask, signed_in: FlaskClient
) -> None:
    endless = {"completed_at": None, "updated_at": utc_now() - HOUR}
    runs = [
        run("1", 30 * HOUR, status=RunStatus.RUNNING, completed_at=None),
        run("2", 30 * HOUR, status=RunStatus.CANCELLED, **endless),
        run("3", 30 * HOUR, status=RunStatus.FAILED, completed_at=None),
    ]
    write(app, runs, [failed_step(1, 1, 29 * HOUR, **endless)])
    text = section(signed_in.get("/").text, "failures-title")
    assert re.findall(r'href="/steps/(\d+)"', text) == ["1"]
    assert re.findall(r'href="/runs/(\d+)"', text) == ["1", "2"]
    assert text.count("last sign</span> <time") == 2
    assert_every_number_is_that_of_its_list(signed_in)


def test_a_run_whose_failed_step_has_no_end_is_not_lost(app: Flask, signed_in: FlaskClient) -> None:
    steps = [failed_step(1, 1, HOUR, started_at=None, completed_at=None)]
    write(app, [run("1", HOUR, status=RunStatus.FAILED)], steps)
    text = section(signed_in.get("/").text, "failures-title")
    assert "a step failed that has no end" in text
    assert 'href="/runs/1"' in text
    assert_every_number_is_that_of_its_list(signed_in)


def test_of_very_many_failed_steps_without_an_end_the_newest_tell_of_their_runs(
    app: Flask, signed_in: FlaskClient
) -> None:
    nowhere = {"started_at": None, "completed_at": None}
    steps = [failed_step(1, n, 40 * DAY, **nowhere) for n in range(1, 302)]
    steps.append(failed_step(2, 1, HOUR, **nowhere))
    failed = {"status": RunStatus.FAILED}
    write(app, [run("1", 40 * DAY, **failed), run("2", HOUR, **failed)], steps)
    text = section(signed_in.get("/").text, "failures-title")
    assert "a step failed that has no end" in text
    assert 'href="/runs/2"' in text


def test_only_the_newest_of_very_many_failures_are_grouped(app: Flask) -> None:
    steps = [failed_step(1, n, HOUR + timedelta(seconds=n)) for n in range(1, 321)]
    write(app, [run("1", 2 * HOUR)], steps)
    with app.app_context():
        period = Period.since(utc_now() - DAY)
        (total,) = count_failed_steps_by([period])
        groups = find_failure_groups(period, total, limit=5)
        assert (total.n, groups.n, groups.n_steps) == (320, 1, 300)
        assert groups.shown[0].n == 300
        assert count_failed_steps_by([groups.period]) == [Total(300)]


@pytest.mark.usefixtures("rows")
def test_a_run_that_went_silent_is_told_apart_from_one_at_work(signed_in: FlaskClient) -> None:
    text = re.sub(r"<[^>]+>", "", section(signed_in.get("/").text, "running-title"))
    first, second = text.split("running?")
    assert re.search(r"#8 recon-domain example.com\s+1 h 00 min\s+atscanstep 2 of 4", first)
    assert re.search(r"#9 nightly example.com\s+last sign 30 h ago\s+afterfirst-wait", second)


@pytest.mark.usefixtures("rows")
def test_workflows_say_how_their_latest_runs_ended(app: Flask, signed_in: FlaskClient) -> None:
    with app.app_context():
        recon, nightly, hostile = find_workflows(10).shown
    assert [recon.name, nightly.name, hostile.name] == ["recon-domain", "nightly", HOSTILE]
    assert (recon.runs, recon.last.status, recon.n_ok) == (Total(6), "queued", 1)
    assert [run.id for run in recon.ended] == [1, 2, 4, 7]
    assert recon.usual and (recon.usual.ms, recon.usual.n) == (60_000, 1)
    assert (nightly.usual, hostile.usual) == (None, None)
    text = section(signed_in.get("/").text, "workflows-title")
    assert "25 %" in text
    assert '<use href="#q-failed" x="30"><title>#7 failed</title></use>' in text


def test_workflows_beyond_the_first_are_counted_and_paged(
    app: Flask, signed_in: FlaskClient
) -> None:
    write(app, [run(str(n), HOUR, workflow_name=f"flow-{n:02}") for n in range(1, 29)])
    assert "18 more workflows" in signed_in.get("/").text
    first = signed_in.get("/workflows").text
    assert "<b>28</b>" in first
    assert "flow-28" in first and "flow-03" not in first
    assert 'href="/workflows?offset=25"' in first
    last = signed_in.get("/workflows?offset=25").text
    assert re.findall(r"flow-\d\d(?=</a>)", last) == ["flow-03", "flow-02", "flow-01"]
    assert "No such page" in signed_in.get("/workflows?offset=100").text


@pytest.mark.usefixtures("rows")
def test_slow_steps_stand_against_what_their_name_usually_takes(app: Flask) -> None:
    with app.app_context():
        slow = find_slow_steps(Period.since(utc_now() - 7 * DAY), limit=2)
    assert [(one.step.step_name, one.step.duration_ms) for one in slow] == [
        ("scan", 60_000),
        ("first-wait", 1_000),
    ]
    assert [one.usual_ms for one in slow] == [60_000, 1_000]


@pytest.mark.usefixtures("rows")
def test_slow_steps_of_the_period_are_found_where_older_ones_took_longer(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find() -> list[tuple[str, int]]:
        overview._longest_on_record.cache_clear()
        overview._longest_of_latest.cache_clear()
        slow = find_slow_steps(Period.since(utc_now() - 7 * DAY), limit=3)
        return [(one.step.step_name, one.step.duration_ms) for one in slow]

    with app.app_context():
        whole = find()
        assert whole[0] == ("scan", 60_000) and len(whole) == 3
        # Only the one of nine days ago, then that and the longest of the week.
        for seen in (1, 2):
            monkeypatch.setattr(overview, "LONGEST_SEEN", seen)
            assert find() == whole
        monkeypatch.setattr(overview, "LATEST_SEEN", 3)
        assert [name for name, _ in find()] == ["scan", "find-hosts", "send-results-again"]
    monkeypatch.undo()
    overview._longest_on_record.cache_clear()
    overview._longest_of_latest.cache_clear()


def test_periods_may_overlap_and_each_run_counts_once_in_each(app: Flask) -> None:
    now = utc_now()
    write(app, [run(str(n), n * 7 * HOUR) for n in range(1, 9)])
    periods = [Period.since(now - n * DAY) for n in (1, 2, 3)]
    with app.app_context():
        counts = count_runs_by(periods)
    assert [one["completed"].n for one in counts] == [3, 6, 8]


def test_a_sum_beyond_what_is_counted_is_only_a_lower_bound() -> None:
    assert add_totals([Total(4), Total(5)]) == Total(9)
    assert str(add_totals([Total(6_000), Total(4_001)])) == "10,000+"
    assert str(add_totals([Total(10_000, is_exact=False), Total(0)])) == "10,000+"


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (3 * DAY, "In the last 7 UTC days"),
        (9 * DAY, "In the last 14 UTC days"),
        (40 * DAY, "On record"),
    ],
)
def test_without_failures_the_nearest_wider_view_is_offered(
    app: Flask, signed_in: FlaskClient, ago: timedelta, expected: str
) -> None:
    write(app, [run("1", ago, status=RunStatus.FAILED)], [failed_step(1, 1, ago)])
    text = section(signed_in.get("/").text, "failures-title")
    assert "Nothing failed in the last 24 h" in text
    assert not re.search(r"steps?and", re.sub(r"<[^>]+>", "", text))
    assert expected in text
    assert "1 failed step" in re.sub(r"<[^>]+>", "", text)
    assert_every_number_is_that_of_its_list(signed_in)


def test_where_nothing_ever_failed_the_page_says_so(app: Flask, signed_in: FlaskClient) -> None:
    write(app, [run("1", HOUR)])
    text = signed_in.get("/").text
    assert "Nor has any step failed that is on record" in text
    assert "Nothing is running." in text


def test_a_fresh_install_says_how_to_begin(signed_in: FlaskClient) -> None:
    text = signed_in.get("/").text
    assert ".venv/bin/flask import osmedeus" in text
    main = text[text.index("<main") :]
    assert 'href="/users"' in main and 'href="/tokens"' in main
    assert "Runs per day" not in text


def test_names_and_lines_are_text(app: Flask, signed_in: FlaskClient) -> None:
    runs = [run("1", HOUR, workflow_name=HOSTILE, target=HOSTILE, status=RunStatus.FAILED)]
    steps = [
        failed_step(1, n, HOUR, step_name=HOSTILE, output=HOSTILE + "\x1b]\u202e") for n in (1, 2)
    ]
    write(app, runs, steps)
    for path in ("/", "/workflows", "/failure-groups", "/failure-groups/1"):
        text = signed_in.get(path).text
        assert "<b>a &" not in text and "\u202e" not in text
        assert "&lt;b&gt;a &amp; " in text
    assert_every_number_is_that_of_its_list(signed_in)


@pytest.mark.parametrize(
    "query", ["offset=x", "ended_after=soon", "endpoint=x", "offset=" + "9" * 20]
)
def test_odd_query_strings_are_named_and_left_out(signed_in: FlaskClient, query: str) -> None:
    for path in ("/workflows", "/failure-groups"):
        response = signed_in.get(f"{path}?{query}")
        assert response.status_code == 200
        assert "Left out of this view" in response.text
    assert signed_in.get("/failure-groups/7").status_code == 404


TIME = "2026-11-20T10:00:00Z"


@pytest.mark.parametrize(
    "query",
    [
        "ended_before=0001-01-01",
        "ended_before=0001-01-01T12:00:00Z",
        f"ended_after={TIME}&ended_before={TIME}",
        f"ended_after={TIME}&ended_before=2026-11-19",
        "ended_after=9999-12-31T23:59:59Z",
    ],
)
def test_a_period_at_the_end_of_time_or_without_length_is_empty(
    app: Flask, signed_in: FlaskClient, query: str
) -> None:
    runs = [run("1", HOUR)]
    write(app, runs, [failed_step(1, n, HOUR) for n in (1, 2)])
    groups = signed_in.get(f"/failure-groups?{query}")
    assert groups.status_code == 200
    assert "No two steps failed alike in this time" in groups.text
    group = signed_in.get(f"/failure-groups/1?{query}")
    assert group.status_code == 200
    assert "No step failed so in this time" in group.text


def test_periods_without_length_hold_nothing(app: Flask) -> None:
    now = utc_now()
    with app.app_context():
        assert count_failed_steps_by([Period(now, now)]) == [Total(0)]
        assert count_runs_by([Period(now, now)]) == [{}]
        assert count_failed_steps_by([]) == count_runs_by([]) == []


def test_the_bars_link_to_whole_days_of_utc(app: Flask, signed_in: FlaskClient) -> None:
    write(app, [run("1", 3 * DAY, status=RunStatus.FAILED)])
    day = (utc_now() - 3 * DAY).date()
    text = section(signed_in.get("/").text, "runs-per-day")
    links = [url for url in re.findall(r'href="([^"]+)" tabindex="-1"', text)]
    assert links == [
        f"/runs?status=failed&started_after={day}T00%3A00%3A00Z"
        f"&started_before={day + timedelta(days=1)}T00%3A00%3A00Z"
    ]
    assert f"<title>1 failed on {day}</title>" in text
    assert "today" in text


@pytest.mark.usefixtures("rows")
def test_the_page_costs_these_statements(app: Flask, signed_in: FlaskClient) -> None:
    with collected_statements(app) as statements:
        signed_in.get("/")
    # The user; the last run of each workflow, how its latest ended, how long they took; failed
    # steps by day; the newest failed steps, runs without one, how runs ended, what failed alike;
    # runs by day;
    # what is running, the step each is at; the slowest steps, first among the longest on record,
    # then among the latest; what their names usually take; and what the top bar counts. Another
    # asks where the newest of very many failures begin.
    assert len(without_versions(statements)) == 16, statements
    with collected_statements(app) as statements:
        signed_in.get("/")
    # The user; the state; what is running, the step each is at.
    assert len(without_versions(statements)) == 4, statements
