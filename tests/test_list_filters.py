"""The filters of the lists as a reader meets them: chips, form, order, totals, what is new."""

import html
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from webapp import filters
from webapp.columns import utc_now
from webapp.filters import RunFilters, StepFilters
from webapp.models import RunStatus, StepStatus
from webapp.pages.chips import find_chips, spoken
from webapp.queries import distinct

from .data import START, make_run, make_source, make_step, write
from .statements import collected_statements

HTMX = {"HX-Request": "true"}


@pytest.fixture
def rows(app: Flask) -> None:
    """Write two runs of three steps each, of different workflows, targets and modules."""
    runs = [
        make_run("1", target="a.example.com"),
        make_run("2", workflow_name="nightly", target="b.example.com", run_group_id="g"),
    ]
    steps = [
        make_step(
            run_id, n, module_name=f"module-{n}", duration_ms=1000 * (n if run_id == 1 else 4 - n)
        )
        for run_id in (1, 2)
        for n in (1, 2, 3)
    ]
    write(app, runs, steps)


def step_ids(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'name"><span class="pair"><a href="/steps/(\d+)"', page)]


def chips_of(query: str, kind: type = StepFilters) -> list[str]:
    args = MultiDict(pair.split("=") for pair in query.split("&"))
    return [str(chip) for chip in find_chips(kind.from_args(args, blank_is_absent=True))]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=failed", "status is failed"),
        ("status=!completed", "status not ok"),
        ("step_type=!bash", "type not bash"),
        ("workspace=!odd", "workspace !odd"),
        ("workflow_name=!nightly", "workflow not nightly"),
        ("workflow_name=!!nightly", "workflow !!nightly"),
        ("run_id=6", "run #6"),
        ("step_name=scan", "name contains scan"),
        ("started=24h", "started in the last 24 h"),
        ("started=today", "started today (UTC)"),
        ("started_after=2026-11-23", "started from 2026-11-23 00:00:00.000 UTC"),
        ("started_before=2026-11-23T14:02:00Z", "started before 2026-11-23 14:02:00.000 UTC"),
        ("ended=24h", "ended in the last 24 h"),
        ("ended_before=2026-11-23", "ended before 2026-11-23 00:00:00.000 UTC"),
        ("min_duration_ms=2 min", "took at least 2 min"),
        ("max_duration_ms=90s", "took at most 1 min 30 s"),
        ("recovered=no", "not recovered"),
    ],
)
def test_a_filter_in_use_is_said_in_words(query: str, said: str) -> None:
    assert chips_of(query) == [said]


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (1500, "1.5 s"), (2000, "2 s"), (120_000, "2 min"), (7_200_000, "2 h")],
)
def test_a_round_duration_is_said_without_zeros(ms: int, text: str) -> None:
    assert spoken(ms) == text
    assert filters.values.parse_duration(text) == ms


def test_a_chip_turns_to_the_contrary_and_back() -> None:
    for query, turned in (("a", "!a"), ("!a", "a")):
        chip = find_chips(RunFilters(workflow_name=(query,)))[0]
        assert chip.turned == {"workflow_name": [turned]}
        assert chip.without == {}


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("workflow_name=nightly", [6, 5, 4]),
        ("workflow_name=!nightly", [3, 2, 1]),
        ("target=a.example.com&module_name=module-2", [2]),
        ("module_name=module-1&module_name=module-3", [6, 3, 4, 1]),
        ("min_duration_ms=2s&max_duration_ms=2500&sort=id", [2, 5]),
        ("sort=-duration_ms", [4, 3, 5, 2, 6, 1]),
        ("sort=step_name", [1, 4, 2, 5, 3, 6]),
        ("recovered=yes", []),
        (f"started_after={quote((START + timedelta(seconds=3)).isoformat())}&sort=id", [3, 6]),
    ],
)
def test_the_list_has_what_the_filters_say(
    signed_in: FlaskClient, query: str, ids: list[int]
) -> None:
    assert step_ids(signed_in.get(f"/steps?{query}").text) == ids


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("sort", "link", "state"),
    [
        ("", "-duration_ms", None),
        ("-duration_ms", "duration_ms", "descending"),
        ("duration_ms", "-duration_ms", "ascending"),
    ],
)
@pytest.mark.parametrize("path", ["/steps", "/runs"])
def test_the_head_of_a_column_says_its_order_and_turns_it(
    signed_in: FlaskClient, path: str, sort: str, link: str, state: str | None
) -> None:
    page = signed_in.get(f"{path}?sort={sort}&status=completed", headers=HTMX).text
    head = re.search(r'<th scope="col" class="c-duration num"(.*?)><a href="([^"]*)"', page)
    assert head
    assert head[1] == (f' aria-sort="{state}"' if state else "")
    assert html.unescape(head[2]) == f"{path}?status=completed&sort={link}"


@pytest.mark.parametrize("path", ["/steps", "/runs"])
def test_both_lists_and_both_apis_filter_by_the_end(
    app: Flask, signed_in: FlaskClient, path: str
) -> None:
    ends = [START + timedelta(hours=n) for n in (1, 2, 3)]
    runs = [make_run(str(n), completed_at=end) for n, end in enumerate([*ends, None])]
    steps = [make_step(1, n, completed_at=end) for n, end in enumerate([*ends, None])]
    write(app, runs, steps)
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in ends]
    query = f"ended_after={times[1]}&ended_before={times[2]}"
    page = signed_in.get(f"{path}?{query}").text
    assert "<b>1</b> of 4</span>" in page
    assert f'value="{times[1][:-1]}"' in page and 'id="ended_after"' in page
    api = signed_in.get(f"/osm/api{path.replace('steps', 'step-results')}?{query}").json
    assert api["pagination"]["total"] == 1
    assert api["data"][0]["completed_at"].startswith(times[1][:-1])
    answer = signed_in.get(f"{path}?ended=soon").text
    assert "ended: &#39;soon&#39; is not allowed; allowed are 1h, 24h, 7d, today" in answer


@pytest.mark.usefixtures("rows")
def test_an_empty_range_of_time_is_named(signed_in: FlaskClient) -> None:
    page = html.unescape(signed_in.get("/steps?status=failed&started=1h&target=x").text)
    assert "No failed steps started in the last hour" in page
    assert "without “started in the last hour”" in page
    page = html.unescape(signed_in.get("/steps?status=failed&ended=24h&target=x").text)
    assert "No failed steps ended in the last 24 h" in page


@pytest.mark.usefixtures("rows")
def test_a_form_without_scripts_ends_at_an_address_without_blanks(signed_in: FlaskClient) -> None:
    query = "step_name=&status=completed&workspace=&min_duration_ms=2+s&started_after=&sort="
    response = signed_in.get(f"/steps?{query}")
    assert response.status_code == 302
    assert response.location == "/steps?status=completed&min_duration_ms=2000"
    assert signed_in.get(f"/steps?{query}", headers=HTMX).status_code == 200


@pytest.mark.usefixtures("rows")
def test_what_was_refused_stays_in_its_field_to_be_mended(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps?min_duration_ms=abc&run_id=x&max_duration_ms=2s").text
    for name, value in (("min_duration_ms", "abc"), ("run_id", "x")):
        field = re.search(f'<input id="{name}"[^>]*>', page)
        assert field and f'value="{value}" aria-invalid="true"' in field[0]
        assert 'aria-describedby="left-out"' in field[0]
    assert page.count('aria-invalid="true"') == 2
    assert '<div class="notice" role="alert" id="left-out">' in page
    assert '<details class="pick end" name="pick" open><summary>More' in page
    assert "aria-invalid" not in signed_in.get("/steps?max_duration_ms=2s").text


@pytest.mark.usefixtures("rows")
def test_what_is_wrong_in_a_form_is_said_in_spite_of_blanks(signed_in: FlaskClient) -> None:
    response = signed_in.get("/steps?step_name=&min_duration_ms=soon")
    assert response.status_code == 200
    assert "no length of time" in response.text


@pytest.mark.usefixtures("rows")
def test_a_dear_total_is_a_lower_bound_until_asked_for(
    signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("counts", "facets"):
        monkeypatch.setattr(f"webapp.queries.{module}.COUNTED", 2)
    page = signed_in.get("/steps?step_name=step").text
    exact = re.search(r'<span id="total".*?<a href="([^"]*)".*?<b>2\+</b>', page)
    assert exact
    page = signed_in.get(html.unescape(exact[1])).text
    assert '<span id="total" class="total" role="status"><b>6</b> of 6</span>' in page
    assert "exact" not in page


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", ["/steps", "/runs"])
def test_what_came_since_is_counted_for_the_view(
    app: Flask, signed_in: FlaskClient, path: str
) -> None:
    found = re.search(r'data-news="([^"]+)"', signed_in.get(f"{path}?status=completed").text)
    assert found
    address = html.unescape(found[1])
    assert signed_in.get(address).text.strip() == ""
    failed = {"status": RunStatus.FAILED}
    source_id = make_source(app, "another")
    runs = [make_run("3"), make_run("4"), make_run("5", **failed)]
    steps = [make_step(3, 1), make_step(3, 2), make_step(3, 3, status=StepStatus.FAILED)]
    write(app, runs, steps, source_id=source_id)
    link = signed_in.get(address).text
    noun = path.strip("/")
    assert re.search(rf'<a href="{path}\?status=completed"[^>]*>2 new {noun}</a>', link)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("query", ["offset=1", "sort=id", "sort=-duration_ms"])
def test_only_where_new_rows_come_first_they_are_announced(
    signed_in: FlaskClient, query: str
) -> None:
    assert "data-news" not in signed_in.get(f"/steps?{query}").text


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("target?target=EXAMPLE", ["a.example.com", "b.example.com"]),
        ("target?target=!b.", ["!b.example.com"]),
        ("workflow_name", ["nightly", "recon-domain"]),
        ("workspace?workspace=%25", []),
        ("workspace?workspace=%00", ["example.com"]),
        ("module_name?module_name=2", ["module-2"]),
    ],
)
def test_values_are_suggested(signed_in: FlaskClient, path: str, values: list[str]) -> None:
    page = signed_in.get(f"/suggestions/{path}").text
    assert re.findall('<option value="([^"]*)">', page) == values


def test_no_more_than_twenty_values_are_suggested(app: Flask, signed_in: FlaskClient) -> None:
    write(app, [make_run(f"{n}", target=f"<{n:02}>") for n in range(30)])
    page = signed_in.get("/suggestions/target").text
    assert page.count("<option") == 20
    assert '<option value="&lt;00&gt;">' in page


def test_only_so_many_values_are_looked_at_for_a_suggestion(
    app: Flask, signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distinct, "WALKED", 10)
    write(app, [make_run(f"{n}", target=f"target-{n:02}") for n in range(30)])
    page = signed_in.get("/suggestions/target").text
    assert page.count("<option") == 10
    assert "target-09" in signed_in.get("/suggestions/target?target=09").text
    assert "<option" not in signed_in.get("/suggestions/target?target=10").text


def test_nothing_is_suggested_for_what_is_no_such_field(signed_in: FlaskClient) -> None:
    assert signed_in.get("/suggestions/password_hash").status_code == 404


@pytest.mark.parametrize(
    ("seconds", "is_slow"), [(10, False), (15, False), (15.5, True), (3, False)]
)
def test_a_run_is_told_against_what_is_usual(
    app: Flask, signed_in: FlaskClient, seconds: float, is_slow: bool
) -> None:
    runs = [make_run(f"{n}", completed_at=START + timedelta(seconds=10)) for n in range(5)]
    took = {"status": RunStatus.FAILED, "completed_at": START + timedelta(seconds=seconds)}
    write(app, [*runs, make_run("last", **took)])
    page = signed_in.get("/runs?status=failed").text
    assert '<span class="word">usual </span>10.0 s</td>' in page
    assert ("slower than</span>" in page) is is_slow


def test_a_row_says_how_long_its_step_has_run_and_that_a_failed_one_says_nothing(
    app: Flask, signed_in: FlaskClient
) -> None:
    now = utc_now()
    going_on = {"status": RunStatus.RUNNING, "completed_at": None}
    runs = [
        make_run("1", **going_on, updated_at=now),
        make_run("2", **going_on, updated_at=now - timedelta(days=3)),
    ]
    running = {"status": StepStatus.RUNNING, "completed_at": None, "output": ""}
    times = {"started_at": now - timedelta(minutes=5)}
    steps = [make_step(n, 1, **running, **times) for n in (1, 2)]
    silent = {"status": StepStatus.FAILED, "output": "", "command": ""}
    write(app, runs, [*steps, make_step(1, 2, **silent)])
    for path, n in (("/steps", 1), ("/runs/1", 1), ("/runs/2", 0)):
        page = signed_in.get(path).text
        row = r'<span class="visually-hidden">running </span>for <time class="lasting"[^>]*>5 min<'
        assert len(re.findall(row, page)) == n, path
        said = re.search(r'class="c-line line s-failed"[^>]*>says nothing of why<', page)
        assert bool(said) is (path != "/runs/2"), path
    bar = re.findall(r'class="s-running">([^<]*)</span>', signed_in.get("/runs").text)
    assert bar == ["1 running"] * 2
    overview = re.sub(r"<[^>]+>", "", signed_in.get("/").text)
    assert "step 1 of 3, for 5 min" in overview and "since 5 min ago" not in overview


def test_a_list_of_runs_reads_no_parameters(app: Flask, signed_in: FlaskClient) -> None:
    write(app, [make_run("1", params={"secret": "x"})])
    with collected_statements(app) as statements:
        signed_in.get("/runs")
    assert not any("runs.params" in statement for statement in statements)
