"""The lists of steps and runs: whole page, fragment, filters, pages, and what they cost."""

import gzip
import html
import re
from datetime import timedelta

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from webapp.columns import utc_now
from webapp.models import Recovered, RunStatus, StepStatus
from webapp.rendering import list_url

from .data import make_run, make_step, write
from .statements import collected_statements, without_versions

LISTS = ("/steps", "/runs")
HOSTILE = "name with <b>markup</b> & 'quotes'"
HTMX = {"HX-Request": "true"}
ODD_QUERIES = (
    "status=nope",
    "run_id=x&target=",
    "limit=-1",
    "offset=1e9",
    "limit=0",
    "endpoint=x",
    "sort=name",
    "limit=1&limit=2",
    "offset=99999999999999999999",
    "offset=9223372036854775807",
    "workspace=%00",
    "workspace=%ff&workspace=%F0%9F%92%A9",
    "status=!completed",
    "status=" + "!failed&status=" * 3,
    "_method=x&_external=1&_anchor=y&_scheme=javascript",
)


@pytest.fixture
def rows(app: Flask) -> None:
    """Write three runs of ten steps: two of example.com, one of a hostile name that failed."""
    runs = [
        make_run("1"),
        make_run("2", workflow_name="nightly"),
        make_run(
            "3",
            workspace=HOSTILE,
            target=HOSTILE,
            status=RunStatus.FAILED,
            error="command exited with code 7",
        ),
    ]
    steps = [make_step(run_id, n) for run_id in (1, 2) for n in range(1, 11)]
    steps += [make_step(3, n, workspace=HOSTILE, step_name=HOSTILE) for n in range(1, 10)]
    failed = make_step(
        3,
        10,
        workspace=HOSTILE,
        step_name="100%_sure",
        step_type="http",
        status=StepStatus.FAILED,
        error="command exited with code 7",
        output="connection refused\n",
        recovered=Recovered.EXECUTION_LOG,
    )
    write(app, runs, [*steps, failed])


def step_ids(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<a href="/steps/(\d+)"', page)]


def run_ids(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<td class="c-name name"><a href="/runs/(\d+)"', page)]


def counts_of(page: str) -> dict[str, str]:
    """Return what stands beside the values of the form."""
    value = r'<span class="value">(?:<span.*?</svg>)?([\w-]+)(?:</span>)?</span>'
    return dict(re.findall(value + r'<span class="num">([\d,]*)</span>', page))


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_a_whole_page_with_its_form(signed_in: FlaskClient, path: str) -> None:
    response = signed_in.get(path)
    assert response.status_code == 200
    assert response.text.startswith("<!doctype html>")
    assert '<form id="filters"' in response.text
    assert "HX-Request" in response.headers["Vary"]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", LISTS)
def test_htmx_gets_only_the_results(signed_in: FlaskClient, path: str) -> None:
    response = signed_in.get(path, headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.text
    assert 'class="rows' in response.text
    assert "HX-Request" in response.headers["Vary"]
    assert len(gzip.compress(response.data)) < 10_000


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_boosted_links_and_the_back_button_get_the_whole_page(
    signed_in: FlaskClient, path: str, header: str
) -> None:
    assert signed_in.get(path, headers={**HTMX, header: "true"}).text.startswith("<!doctype html>")


@pytest.mark.usefixtures("rows")
def test_htmx_shows_the_address_without_blanks(signed_in: FlaskClient) -> None:
    path = "/steps?step_name=&step_type=bash&workspace=&run_id="
    response = signed_in.get(path, headers=HTMX)
    assert response.headers["HX-Push-Url"] == "/steps?step_type=bash"


@pytest.mark.usefixtures("rows")
def test_htmx_does_not_push_the_address_that_is_shown(signed_in: FlaskClient) -> None:
    here = {**HTMX, "HX-Current-URL": "http://localhost/steps?status=failed"}
    response = signed_in.get("/steps?status=failed&step_name=", headers=here)
    assert response.headers["HX-Push-Url"] == "false"


@pytest.mark.usefixtures("rows")
def test_steps_come_newest_first_and_turn_pages(signed_in: FlaskClient) -> None:
    """The latest start first, whenever imported; the n-th steps of all runs began at once."""
    ids = [step_id + 10 * run for step_id in range(10, 0, -1) for run in (2, 1, 0)]
    first = signed_in.get("/steps").text
    assert step_ids(first) == ids[:20]
    assert "1–20 of 30" in first
    assert 'href="/steps?offset=20"' in first
    second = signed_in.get("/steps?offset=20").text
    assert step_ids(second) == ids[20:]
    assert "21–30 of 30" in second


@pytest.mark.usefixtures("rows")
def test_a_page_beyond_the_last_one_says_so_and_leads_back(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps?offset=999&status=completed").text
    assert "No such page" in page
    assert 'href="/steps?status=completed"' in page


@pytest.mark.usefixtures("rows")
def test_the_heading_tells_how_many_of_how_many(signed_in: FlaskClient) -> None:
    assert "<b>30</b></span>" in signed_in.get("/steps").text
    assert "<b>1</b> of 30</span>" in signed_in.get("/steps?status=failed").text
    assert "<b>1</b> of 3</span>" in signed_in.get("/runs?status=failed").text


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("more", ["", "&run_id=3", "&step_name=name"])
def test_each_status_tells_what_it_would_show_under_the_other_filters(
    signed_in: FlaskClient, more: str
) -> None:
    page = signed_in.get(f"/steps?step_type=bash{more}").text
    tabs = dict(re.findall(r'id="status-(\w+)".*?<b>([\d,]+)</b></a>', page))
    n = "9" if more else "29"
    assert tabs == {
        "all": n,
        "completed": n,
        "failed": "0",
        "running": "0",
        "skipped": "0",
        "pending": "0",
    }
    n_http = "0" if more == "&step_name=name" else "1"
    assert counts_of(page)["http"] == n_http


@pytest.mark.usefixtures("rows")
def test_a_value_that_shows_nothing_is_dim_but_there(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps").text
    assert re.search(r'id="status-pending" class="none"', page)
    assert '<p class="choice none"><span class="value">llm</span><span class="num">0</span>' in page


@pytest.mark.usefixtures("rows")
def test_a_fragment_brings_the_counts_of_the_form_along(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps?workspace=example.com", headers=HTMX).text
    assert '<div id="choices-step_type" hx-swap-oob="innerHTML">' in page
    assert '<div id="choices-status" hx-swap-oob="innerHTML">' in page
    assert counts_of(page)["bash"] == counts_of(page)["ok"] == "20"
    assert re.search(r'<span id="total"[^>]* hx-swap-oob="innerHTML"><b>20</b> of 30</span>', page)


@pytest.mark.usefixtures("rows")
def test_percent_and_underscore_in_a_name_are_no_wildcards(signed_in: FlaskClient) -> None:
    assert step_ids(signed_in.get("/steps?step_name=%25_").text) == [30]
    assert step_ids(signed_in.get("/steps?step_name=s%25p").text) == []


@pytest.mark.usefixtures("rows")
def test_each_filter_in_use_has_links_that_turn_it_and_take_it_out(signed_in: FlaskClient) -> None:
    page = html.unescape(signed_in.get("/steps?status=failed&step_type=http&limit=50").text)
    chips = page[page.index('class="chips"') : page.index("clear all")]
    links = re.findall(r'<a href="([^"]+)"', chips)
    assert links == [
        "/steps?status=!failed&step_type=http&limit=50",
        "/steps?step_type=http&limit=50",
        "/steps?status=failed&step_type=!http&limit=50",
        "/steps?status=failed&limit=50",
        "/steps?limit=50",
    ]


@pytest.mark.usefixtures("rows")
def test_the_form_keeps_what_it_does_not_show(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps?workspace=a&workspace=b&limit=50&step_type=http&run_uuid=x").text
    hidden = re.findall(r'form="filters" name="(\w+)" value="([^"]*)"', page)
    assert hidden == [("workspace", "a"), ("workspace", "b"), ("run_uuid", "x"), ("limit", "50")]
    assert re.search(r'name="step_type" value="http" aria-label="only http" checked', page)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", LISTS)
def test_an_odd_query_string_is_answered_with_a_page(signed_in: FlaskClient, path: str) -> None:
    for query in ODD_QUERIES:
        for headers in ({}, HTMX):
            response = signed_in.get(f"{path}?{query}", headers=headers)
            assert response.status_code == 200, query


@pytest.mark.usefixtures("rows")
def test_a_bad_value_is_left_out_and_named(signed_in: FlaskClient) -> None:
    page = html.unescape(signed_in.get("/steps?status=nope&step_type=http").text)
    assert "Left out of this view:" in page
    assert "status: 'nope' is not allowed" in page
    assert step_ids(page) == [30]


@pytest.mark.parametrize("path", LISTS)
def test_a_fresh_install_says_what_to_do(signed_in: FlaskClient, path: str) -> None:
    page = signed_in.get(path).text
    assert "flask import osmedeus" in page
    assert 'class="pager"' not in page


@pytest.mark.usefixtures("rows")
def test_no_match_leads_to_the_nearest_wider_view(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps?status=running&step_type=bash").text
    assert "No running steps here" in page
    assert re.search(r'<a href="/steps\?step_type=bash"[^>]*>Show all 29 steps of any status', page)
    page = html.unescape(signed_in.get("/runs?workspace=nowhere&target=x").text)
    assert "/runs?workspace=nowhere" in page
    assert "without any filter" in page


@pytest.mark.usefixtures("rows")
def test_names_and_output_are_shown_and_never_markup(signed_in: FlaskClient) -> None:
    for path in LISTS:
        page = signed_in.get(path).text
        assert "<b>markup" not in page
        assert "name with &lt;b&gt;markup&lt;/b&gt; &amp; &#39;quotes&#39;" in page


@pytest.mark.usefixtures("rows")
def test_a_failed_step_shows_its_error_and_where_it_was_found(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps?status=failed").text
    assert "exit 7 - connection refused" in page
    assert "not in the database; recovered from the execution log" in page


@pytest.mark.usefixtures("rows")
def test_a_run_tells_its_steps_in_a_bar_and_in_words(signed_in: FlaskClient) -> None:
    page = signed_in.get("/runs?status=failed").text
    assert 'aria-label="9 ok, 1 failed"' in page
    assert 'href="/steps?status=failed&amp;run_id=3"' in page or (
        'href="/steps?run_id=3&amp;status=failed"' in page
    )


def test_a_run_without_a_sign_of_life_is_doubted(app: Flask, signed_in: FlaskClient) -> None:
    now = utc_now()
    silent = {"status": RunStatus.RUNNING, "completed_at": None}
    runs = [
        make_run("old", **silent, updated_at=now - timedelta(hours=26)),
        make_run("new", **silent, updated_at=now - timedelta(hours=2)),
    ]
    write(app, runs)
    page = signed_in.get("/runs").text
    assert page.count("running?") == 1
    assert "last sign 26 h ago" in page


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "path",
    [
        "/steps",
        "/steps?offset=20",
        "/steps?sort=id&limit=50",
        f"/steps?workspace={HOSTILE.replace('&', '%26')}&status=!failed",
        "/steps?step_name=STEP-1&run_id=2",
        "/runs",
        "/runs?status=completed&limit=50",
        "/runs?sort=id",
    ],
)
def test_a_page_and_its_json_agree_in_ids_and_order(signed_in: FlaskClient, path: str) -> None:
    page = signed_in.get(path).text
    found = re.search(r'<link rel="alternate" type="application/json" href="([^"]+)">', page)
    assert found
    response = signed_in.get(html.unescape(found[1]))
    assert response.status_code == 200, response.text
    ids = [row["id"] for row in response.get_json()["data"]]
    assert ids == (step_ids(page) if path.startswith("/steps") else run_ids(page))
    assert ids
    assert f'<a href="{found[1]}">This view as JSON</a>' in page


@pytest.mark.usefixtures("rows")
def test_the_curl_line_is_one_safe_shell_line(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps", query_string={"workspace": HOSTILE + "$(x)`y`"}).text
    line = html.unescape(re.findall(r'data-copy="(curl[^"]*)"', page)[0])
    url = "http://localhost/osm/api/step-results"
    assert line.startswith(f'curl -H "Authorization: Bearer $TOKEN" \'{url}?workspace=')
    assert line.count("'") == 2
    assert line.endswith("&sort=-started_at'")


@pytest.mark.usefixtures("rows")
def test_a_page_of_steps_keeps_its_statement_budget(app: Flask, signed_in: FlaskClient) -> None:
    signed_in.get("/steps")
    with collected_statements(app) as statements:
        signed_in.get("/steps")
    # The user; the state of the history; the ids of the page; its steps.
    assert len(without_versions(statements)) == 4, "\n\n".join(statements)
    with collected_statements(app) as statements:
        signed_in.get("/steps?status=failed", headers=HTMX)
    # The user; the state; how rare the status is; the ids of the page; its steps; the counts.
    assert len(without_versions(statements)) == 6, "\n\n".join(statements)


@pytest.mark.usefixtures("rows")
def test_a_page_of_runs_keeps_its_statement_budget(app: Flask, signed_in: FlaskClient) -> None:
    signed_in.get("/runs")
    with collected_statements(app) as statements:
        signed_in.get("/runs")
    # The user; the state; the runs.
    assert len(without_versions(statements)) == 3, "\n\n".join(statements)
    with collected_statements(app) as statements:
        signed_in.get("/runs?status=failed&workspace=example.com", headers=HTMX)
    # The user; the state; the runs; the counts of this view and those of all runs.
    assert len(without_versions(statements)) == 5, "\n\n".join(statements)


def test_static_files_are_named_by_their_content_and_kept(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps").text
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        assert re.search(r"\?v=[0-9a-f]{12}$", address)
        response = signed_in.get(address)
        assert response.status_code == 200, address
        assert response.cache_control.max_age == 365 * 24 * 3600
        assert "Set-Cookie" not in response.headers
        response.close()


@pytest.mark.parametrize("prefix", ["", "/steps-of/this"])
def test_the_address_of_a_list_is_the_one_that_url_for_gives(app: Flask, prefix: str) -> None:
    odd = "a b&c=d?é/!$'()*,:;@#%+\"<>"
    args = {"status": ["failed", "!x"], "step_name": odd, "offset": 20, "started": "24h"}
    with app.test_request_context("/", environ_overrides={"SCRIPT_NAME": prefix}):
        assert list_url("pages.list_steps", **args) == url_for("pages.list_steps", **args)
        assert list_url("pages.list_runs") == url_for("pages.list_runs") == f"{prefix}/runs"
