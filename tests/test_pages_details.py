"""The pages of one run and of one step: what they show, refuse, mask, and cost."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.columns import utc_now
from webapp.ingest.records import ArtifactRecord
from webapp.masking import is_secret_name, named_values
from webapp.models import Recovered, RunStatus, StepStatus

from .data import START, make_run, make_step, write
from .statements import collected_statements, without_versions

UUID = "f7f9c30e-359b-41bc-93e2-e73a8ebd0a6e"
HOSTILE = "name with <b>markup</b> & 'quotes'"
SCRIPT = "<script>document.title='pwned'</script>"
MEGABYTES = "".join(f"{n:07} found https://host-{n}.example.com/<b>\n" for n in range(1, 260_001))


@pytest.fixture
def rows(app: Flask) -> None:
    """Write a failed run of three steps, between two more runs of its workflow."""
    failed_run = make_run(
        "2",
        run_uuid=UUID,
        workflow_name="port-scan",
        status=RunStatus.FAILED,
        error="command exited with code 7",
        total_steps=5,
        run_priority="critical",
        run_group_id="group-7",
        params={"target": "example.com", "api_token": "s3cr3t", "space_name": ""},
    )
    others = [make_run(key, workflow_name="port-scan") for key in ("1", "3")]
    hostile = make_step(
        2,
        2,
        step_name=HOSTILE,
        command="""echo "a" 'b' <c>\nsecond line""",
        output=f"{SCRIPT}\n\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202e\n",
        exports={"host_count": 12, "admin_password": "hunter2"},
    )
    failed = make_step(
        2,
        3,
        step_name="send-results",
        status=StepStatus.FAILED,
        recovered=Recovered.EXECUTION_LOG,
        error=f"command exited with code 7\n{SCRIPT}",
        output="",
        module_name="report",
    )
    artifact = ArtifactRecord(
        source_key="a",
        run_id=2,
        workspace="example.com",
        name="hosts",
        artifact_path="/srv/" + "long/" * 30 + "hosts.txt",
        created_at=START,
        size_bytes=503_587,
        line_count=13,
    )
    write(app, [others[0], failed_run, others[1]], [make_step(2, 1), hostile, failed], [artifact])


def shown_text(page: str) -> str:
    """Return the text of a page without its tags, on one line."""
    return " ".join(re.sub("<[^>]*>", " ", page).split())


@pytest.mark.usefixtures("rows")
def test_a_run_tells_its_error_and_the_step_it_failed_in(signed_in: FlaskClient) -> None:
    page = signed_in.get("/runs/2").text
    text = shown_text(page)
    assert "failed port-scan on example.com #2" in text
    assert "command exited with code 7 in send-results , the 3rd of 5 steps" in text
    assert "1 of 3 steps is not in Osmedeus's database" in text
    assert "from the command line" in text
    assert 'href="/steps/3"' in page
    assert 'href="/runs/1"' in page and 'href="/runs/3"' in page
    assert f'data-copy="{UUID}"' in page
    assert '<link rel="alternate" type="application/json" href="/osm/api/runs/2">' in page


@pytest.mark.usefixtures("rows")
def test_a_run_draws_its_steps_and_lists_them(signed_in: FlaskClient) -> None:
    page = signed_in.get("/runs/2").text
    assert page.count('class="timeline-bar') == 3
    assert 'class="cross"' in page
    assert "failed: send-results." in page
    assert re.findall(r'c-position muted">(\d+)<', page) == ["1", "2", "3"]
    assert "style=" not in page


@pytest.mark.usefixtures("rows")
def test_secrets_are_folded_away_and_artifacts_said_in_units(signed_in: FlaskClient) -> None:
    page = signed_in.get("/runs/2").text
    assert re.search(r'<details class="secret">.*?<code>s3cr3t</code></details>', page)
    assert page.count('class="secret"') == 1
    assert "empty: " in page and "space_name" in page
    assert "504 KB" in page and "13 lines" in page
    assert "hunter2" in signed_in.get("/steps/2").text
    assert signed_in.get("/steps/2").text.count('class="secret"') == 1


def test_names_of_values_are_shown_as_text(app: Flask, signed_in: FlaskClient) -> None:
    name = "token \u202e<b>"
    write(app, [make_run("1", params={name: "x"})], [make_step(1, 1, exports={name: "x"})])
    for path in ("/runs/1", "/steps/1"):
        page = signed_in.get(path).text
        assert "the value of token ‹U+202E›&lt;b&gt;</span>" in page
        assert "\u202e" not in page and "<b>" not in page.partition('class="values"')[2]


def test_of_what_is_very_long_a_page_shows_the_beginning(
    app: Flask, signed_in: FlaskClient
) -> None:
    long = "begin" + "x" * 1_000_000
    values = {"long": long, "list": [long], "long_token": long}
    run = make_run("1", status=RunStatus.FAILED, error=long, params=values)
    failed = {"status": StepStatus.FAILED, "error": long, "command": long, "exports": values}
    write(app, [run], [make_step(1, 1, **failed)])
    for path, whole, parts in (
        ("/runs/1", "/osm/api/runs/1", 4),
        ("/steps/1", "/osm/api/step-results/1", 5),
    ):
        page = signed_in.get(path).text
        assert len(page) < 100_000
        said = page.count(f'characters. <a href="{whole}">The JSON has them all</a>')
        assert said == page.count("x" * 9_900) == parts
        assert "The first 10,000 of 1,000,005 characters." in page
        assert long in signed_in.get(whole).text


def test_of_very_many_values_a_page_shows_the_first(app: Flask, signed_in: FlaskClient) -> None:
    values = {f"name-{n:04}": n for n in range(501)}
    write(app, [make_run("1", params=values)], [make_step(1, 1, exports=values)])
    for path, whole in (("/runs/1", "/osm/api/runs/1"), ("/steps/1", "/osm/api/step-results/1")):
        page = signed_in.get(path).text
        assert "name-0499" in page and "name-0500" not in page
        assert f'The first 500 of 501. <a href="{whole}">The JSON has them all</a>' in page


@pytest.mark.usefixtures("rows")
def test_a_run_is_found_by_its_uuid(signed_in: FlaskClient) -> None:
    response = signed_in.get(f"/runs/{UUID}")
    assert (response.status_code, response.location) == (302, "/runs/2")


@pytest.mark.usefixtures("rows")
def test_a_step_shows_what_it_printed_and_runs_none_of_it(signed_in: FlaskClient) -> None:
    page = signed_in.get("/steps/2").text
    assert SCRIPT not in page and "&lt;script&gt;" in page
    assert "<b>markup" not in page and "name with &lt;b&gt;markup&lt;/b&gt;" in page
    assert (
        '<span class="ansi31">red</span> <i>‹ESC›</i>]0;title<i>‹BEL›</i> <i>‹U+202E›</i>' in page
    )
    assert "echo &#34;a&#34; &#39;b&#39; &lt;c&gt;\nsecond line" in page
    assert 'id="L2"' in page and 'href="#L2"' in page
    assert 'rel="prev"' in page and 'rel="next"' in page
    assert "(2 of 5)" in page
    assert '<link rel="alternate" type="application/json" href="/osm/api/step-results/2">' in page
    assert "<script>" not in page and "style=" not in page


@pytest.mark.usefixtures("rows")
def test_a_failed_step_says_where_it_was_found_and_that_its_output_is_lost(
    signed_in: FlaskClient,
) -> None:
    page = signed_in.get("/steps/3").text
    assert "recovered from the execution log" in page
    assert "its output was not kept" in page
    assert page.index("command exited with code 7") < page.index('id="output-title"')
    assert SCRIPT not in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": StepStatus.SKIPPED, "started_at": None}, "did not run"),
        ({"status": StepStatus.PENDING, "started_at": None}, "has not begun"),
        ({"status": StepStatus.RUNNING, "completed_at": None}, "Nothing yet"),
        ({}, "It printed nothing."),
    ],
)
def test_a_step_without_output_says_why(
    app: Flask, signed_in: FlaskClient, changes: dict[str, object], said: str
) -> None:
    write(app, [make_run("1")], [make_step(1, 1, output="", **changes)])
    assert said in signed_in.get("/steps/1").text
    assert signed_in.get("/runs/1").status_code == 200


def test_a_run_without_steps_says_so(app: Flask, signed_in: FlaskClient) -> None:
    queued = make_run("1", status=RunStatus.QUEUED, started_at=None, completed_at=None)
    write(app, [queued, make_run("2", workflow_name="other")])
    assert "none of its steps has begun" in signed_in.get("/runs/1").text
    page = signed_in.get("/runs/2").text
    assert "No step of this run is known" in page
    assert "timeline-row" not in page and 'rel="prev"' not in page


def test_a_run_silent_for_a_day_is_doubted(app: Flask, signed_in: FlaskClient) -> None:
    silent = utc_now() - timedelta(hours=26)
    run = make_run("1", status=RunStatus.RUNNING, completed_at=None, updated_at=silent)
    write(app, [run])
    assert "running? last sign 26 h ago" in signed_in.get("/runs/1").text


def test_a_failure_that_the_run_outlived_is_a_notice(app: Flask, signed_in: FlaskClient) -> None:
    write(app, [make_run("1")], [make_step(1, 1, status=StepStatus.FAILED, error="no")])
    page = signed_in.get("/runs/1").text
    assert "A step failed, and the run went on" in page
    assert "error-box" not in page


def test_a_long_run_has_pages_and_a_grouped_timeline(app: Flask, signed_in: FlaskClient) -> None:
    steps = [make_step(1, n, step_name=f"scan-{n % 3}") for n in range(1, 1002)]
    write(app, [make_run("1")], steps)
    first, last = signed_in.get("/runs/1").text, signed_in.get("/runs/1?offset=1000").text
    assert "1–100 of 1,001" in first and 'href="/runs/1?offset=100#steps"' in first
    assert "1,001–1,001 of 1,001" in last and 'href="/runs/1?offset=900#steps"' in last
    assert "Grouped by name, as the run has more than 200 steps" in first
    assert "scan-1 × 334" in first
    assert first.count('class="timeline-bar') == 3
    assert "There is no step from place" not in first
    beyond = signed_in.get("/runs/1?offset=5000").text
    assert "There is no step from place 5,001 on" in beyond and "Show the first steps" in beyond
    assert "offset: &#39;x&#39; is not a whole number" in signed_in.get("/runs/1?offset=x").text
    assert "status: unknown parameter" in signed_in.get("/runs/1?status=failed").text
    assert "show: &#39;x&#39; is not allowed" in signed_in.get("/runs/1?show=x").text


def test_a_long_flow_is_grouped_by_module(app: Flask, signed_in: FlaskClient) -> None:
    steps = [make_step(1, n, module_name=("recon", "report")[n > 200]) for n in range(1, 301)]
    write(app, [make_run("1")], steps)
    page = signed_in.get("/runs/1").text
    assert (
        "Grouped by module, as the run" in page and "recon × 200" in page and "report × 100" in page
    )


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "path",
    [
        *(f"/{noun}/{n}" for noun in ("runs", "steps") for n in (0, 99, 2**63, 10**30)),
        "/runs/00000000-0000-0000-0000-000000000000",
        "/steps/99/output.txt",
        f"/steps/{2**63}/output.txt",
        "/runs/x",
        "/steps/-1",
    ],
)
def test_what_is_not_there_is_a_404_page(signed_in: FlaskClient, path: str) -> None:
    response = signed_in.get(path)
    assert response.status_code == 404
    assert response.mimetype == "text/html"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", ["/runs/2", f"/runs/{UUID}", "/steps/2", "/steps/2/output.txt"])
def test_strangers_are_sent_to_the_login_page(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response.location.startswith("/login?next=/")


@pytest.mark.usefixtures("rows")
def test_raw_output_is_plain_text_and_nothing_else(signed_in: FlaskClient) -> None:
    response = signed_in.get("/steps/2/output.txt")
    assert response.text == f"{SCRIPT}\n\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202e\n"
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"] == "inline; filename=run-2-step-2.txt"
    assert response.content_length == len(response.data)
    download = signed_in.get("/steps/2/output.txt?download=1")
    assert download.headers["Content-Disposition"].startswith("attachment; ")
    assert signed_in.get("/steps/3/output.txt").data == b""


def test_eleven_megabytes_are_a_small_page_and_a_whole_raw_text(
    app: Flask, signed_in: FlaskClient
) -> None:
    write(app, [make_run("1")], [make_step(1, 1, output=MEGABYTES + "é\n")])
    response = signed_in.get("/steps/1")
    assert len(response.data) < 500_000
    assert "Load 500 earlier lines" in response.text and "of 259,001" in response.text
    assert response.text.count('class="line"') == 1_000
    assert 'id="L259002"' in response.text and 'id="L260001"' in response.text
    assert signed_in.get("/steps/1/output.txt").text == MEGABYTES + "é\n"


@pytest.mark.usefixtures("rows")
def test_the_pages_send_few_statements(app: Flask, signed_in: FlaskClient) -> None:
    with collected_statements(app) as statements:
        signed_in.get("/runs/2")
    # The user; the run with its source; its steps; the usual duration; artifacts; the runs before
    # and after; the latest ones of the workflow; those running now.
    assert len(without_versions(statements)) == 8
    assert not any(re.search(r"steps\.output(?!_)", statement) for statement in statements)
    with collected_statements(app) as statements:
        signed_in.get("/steps/2")
    # The user; the step with its run; its output; the steps before and after; the same step in
    # other runs; those running now.
    assert len(without_versions(statements)) == 7


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *(
            (name, True)
            for name in ("password", "API_KEY", "githubToken", "client-secret", "dbPass")
        ),
        *(
            (name, True)
            for name in ("AWS_SECRET_ACCESS_KEY", "Authorization", "sshkey_key", "auth")
        ),
        *((name, False) for name in ("target", "keyword", "monkey", "threads_hold", "author")),
        *((name, False) for name in ("passive", "compass", "tactic", "bypass_cache", "")),
    ],
)
def test_names_that_look_secret_are_told_from_others(name: str, is_secret: bool) -> None:
    assert is_secret_name(name) == is_secret


def test_values_can_be_secret_whatever_their_name() -> None:
    values = named_values(
        {
            "proxy": "http://me:hunter2@proxy:3128",
            "nested": {"list": [{"token": "x"}]},
            "plain": "http://proxy:3128/a:b@c",
            "password": "",
            "none": None,
        }
    )
    assert [(one.name, one.is_secret) for one in values] == [
        ("nested", True),
        ("plain", False),
        ("proxy", True),
        ("none", False),
        ("password", False),
    ]


@pytest.mark.parametrize(
    ("value", "is_secret"),
    [
        ("Authorization: Bearer c2VjcmV0c2VjcmV0c2VjcmV0", True),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", True),
        ("AKIA" + "Q" * 16, True),
        ("ghp_" + "a1" * 18, True),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x", True),
        ("Authorization: Bearer x", True),
        ("authorization: bearer abc", True),
        ("https://hooks.slack.com/services/T0/B0/xyz", True),
        ("https://discord.com/api/webhooks/1/abc", True),
        ("https://mm.example.com/hooks/abc", True),
        ("https://example.com/books/abc", False),
        ("https://example.com/" + "a/" * 200_000, False),
        ("Basic authentication is off", False),
        ("the bearer of this", False),
        ("AKIARA is a place", False),
        ("-eyJ" * 250_000, False),
        ("x" * 9_990 + " Bearer c2VjcmV0c2VjcmV0c2VjcmV0", True),
        ("x" * 20_000 + " Bearer c2VjcmV0c2VjcmV0c2VjcmV0", False),
    ],
)
def test_what_services_give_out_as_keys_is_secret_whatever_its_name(
    value: str, is_secret: bool
) -> None:
    assert named_values({"header": value})[0].is_secret == is_secret
