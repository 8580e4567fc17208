"""The page of a step: which lines it shows, its search, its usual time, and how it follows."""

import functools
import gzip
import html
import re
from datetime import timedelta
from random import Random

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.columns import utc_now
from webapp.models import RunStatus, StepStatus
from webapp.queries import same_steps

from .data import START, make_run, make_step, write
from .statements import collected_statements

LONG = "".join(f"line {n}\n" for n in range(1, 5_001))
HTMX = {"HX-Request": "true"}


def numbers(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'id="L(\d+)"', page)]


def write_step(app: Flask, output: str, **changes: object) -> None:
    write(app, [make_run("1")], [make_step(1, 1, output=output, **changes)])


def took(run: int, ms: int, status: StepStatus = StepStatus.COMPLETED) -> dict[str, object]:
    start = START + timedelta(days=run)
    ended = start + timedelta(milliseconds=ms)
    times = {"started_at": start, "completed_at": ended, "duration_ms": ms}
    return {"step_name": "scan-ports", "status": status, **times}


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", 4001, 5000),
        ("?line=2500", 2400, 3399),
        ("?line=2500-2510", 2400, 3399),
        ("?first=1", 1, 500),
        ("?last=3000", 2501, 3000),
        ("?q=line+2500", 2400, 3399),
        ("?line=5000", 4900, 5000),
    ],
)
def test_a_long_output_shows_the_lines_asked_for(
    app: Flask, signed_in: FlaskClient, query: str, first: int, last: int
) -> None:
    write_step(app, LONG)
    shown = numbers(signed_in.get(f"/steps/1{query}").text)
    assert shown == list(range(first, last + 1))


def test_marked_lines_and_hits_are_marked(app: Flask, signed_in: FlaskClient) -> None:
    write_step(app, LONG)
    page = signed_in.get("/steps/1?line=10-12").text
    assert re.findall(r'class="line marked" id="L(\d+)"', page) == ["10", "11", "12"]
    page = signed_in.get("/steps/1?q=LINE+49&line=490").text
    assert re.findall(r'class="line marked hit current" id="L(\d+)"', page) == ["490"]
    # 49, 490 to 499, 4900 to 4999.
    assert "2 of 111 lines" in page
    assert 'href="/steps/1?q=LINE+49&amp;line=49#L49"' in page
    assert 'href="/steps/1?q=LINE+49&amp;line=491#L491"' in page
    assert "no line has “nowhere”" in signed_in.get("/steps/1?q=nowhere").text


def test_htmx_gets_only_the_output(app: Flask, signed_in: FlaskClient) -> None:
    write_step(app, LONG)
    page = signed_in.get("/steps/1?q=line", headers=HTMX)
    assert page.text.lstrip().startswith('<section class="panel" id="output"')
    assert page.headers["Vary"] and "<html" not in page.text
    boosted = signed_in.get("/steps/1", headers={**HTMX, "HX-Boosted": "true"})
    assert "<html" in boosted.text


def test_ranges_come_as_fragments_with_a_way_on(app: Flask, signed_in: FlaskClient) -> None:
    write_step(app, LONG)
    earlier = signed_in.get("/steps/1/lines?last=4000&q=line+35", headers=HTMX).text
    assert numbers(earlier) == list(range(3501, 4001))
    assert "Load 500 earlier lines" in earlier and "later" not in earlier
    assert 'hx-get="/steps/1/lines?last=3500&amp;q=line+35"' in earlier
    assert earlier.count('class="line hit"') == 99
    later = signed_in.get("/steps/1/lines?first=4400", headers=HTMX).text
    assert numbers(later) == list(range(4400, 4900))
    assert "Load 101 later lines" in later and "earlier" not in later
    assert "Load" not in signed_in.get("/steps/1/lines?first=4900", headers=HTMX).text


@functools.cache
def plain_log() -> str:
    chance = Random(7)
    return "".join(
        f"2026-11-23 02:{n // 60 % 60:02}:{n % 60:02},{chance.randrange(1000):03} INFO scanner: "
        f"host-{chance.randrange(10**6):06}.example.com port {chance.randrange(65536)} open\n"
        for n in range(20_000)
    )


@pytest.mark.parametrize("path", ["lines?first=9001", "lines?last=9001", "?q=port+8", "?line=9001"])
def test_a_fragment_of_plain_log_lines_is_small_on_the_wire(
    app: Flask, signed_in: FlaskClient, path: str
) -> None:
    write_step(app, plain_log())
    fragment = signed_in.get(f"/steps/1/{path}".replace("/?", "?"), headers=HTMX)
    assert len(numbers(fragment.text)) >= 300
    assert len(gzip.compress(fragment.data, 5)) < 10_000


def test_the_link_says_how_many_lines_it_loads(app: Flask, signed_in: FlaskClient) -> None:
    # So long that fewer than 500 make a fragment.
    write_step(app, "".join(f"{n} {'x' * 300}\n" for n in range(5_000)))
    page = signed_in.get("/steps/1?line=2000").text
    said = {edge: int(n) for n, edge in re.findall(r"Load (\d+) (earlier|later) lines", page)}
    shown = numbers(page)
    earlier = signed_in.get(f"/steps/1/lines?last={shown[0] - 1}", headers=HTMX).text
    later = signed_in.get(f"/steps/1/lines?first={shown[-1] + 1}", headers=HTMX).text
    assert said == {"earlier": len(numbers(earlier)), "later": len(numbers(later))}
    assert 50 < said["later"] < 500


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("line=0", "line: &#39;0&#39; is neither a line nor a range; allowed are 12 and 12-15"),
        ("line=5-x", "is neither a line nor a range"),
        ("line=%1B[31m", "is neither a line nor a range"),
        ("line=9000", "line: there is no line 9000; the output has 5,000"),
        ("line=999999999999999999", "there is no line 999999999999999999"),
        ("first=9000", "first: there is no line 9000"),
        ("first=x", "first: &#39;x&#39; is not a whole number"),
        ("last=-1", "last: &#39;-1&#39; is not a whole number"),
        ("line=1&line=2", "line: must be given once"),
        ("q=" + "x" * 201, "q: must be one line of at most 200 characters"),
        ("q=a%0Ab", "q: must be one line"),
        ("q=%00", "q: must not contain a NUL"),
        ("status=failed", "status: unknown parameter; allowed are first, last, line, q"),
    ],
)
def test_what_is_wrong_in_the_address_is_said_above(
    app: Flask, signed_in: FlaskClient, query: str, said: str
) -> None:
    write_step(app, LONG)
    response = signed_in.get(f"/steps/1?{query}")
    assert response.status_code == 200
    assert "Left out of this view" in response.text and said in response.text
    assert 5000 in numbers(response.text)
    names = ("line", "status")
    fragment = signed_in.get(f"/steps/1/lines?{query}", headers=HTMX)
    assert fragment.status_code == 200
    assert "Left out of this view" in fragment.text or query.startswith(names)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("output.txt?line=x", "line: 'x' is not a whole number"),
        ("output.txt?download=yes", "download: 'yes' is not allowed; allowed are 1"),
        ("output.txt?q=x", "q: unknown parameter; allowed are download, line"),
        ("progress?seen_bytes=x", "seen_bytes: 'x' is not a whole number"),
    ],
)
def test_where_no_page_could_say_what_is_wrong_it_is_refused(
    app: Flask, signed_in: FlaskClient, path: str, said: str
) -> None:
    write_step(app, LONG)
    response = signed_in.get(f"/steps/1/{path}")
    assert response.status_code == 400
    assert said in html.unescape(response.text)


def test_a_range_inside_a_red_passage_is_red(app: Flask, signed_in: FlaskClient) -> None:
    write_step(app, "start\n\x1b[31mred\n" + "still red\n" * 5_000 + "\x1b[0mend\n")
    page = signed_in.get("/steps/1/lines?first=3000").text
    assert page.count('<span class="ansi31">still red</span>') == 500
    end = signed_in.get("/steps/1").text
    assert '<span class="ansi31">still red</span>' in end and "</span>end\n</span>" in end


def test_a_line_too_long_is_cut_and_its_whole_is_a_link_away(
    app: Flask, signed_in: FlaskClient
) -> None:
    line = "start" + "é" * 300_000 + "middle" + "é" * 300_000 + "end"
    write_step(app, f"first\n{line}\nlast\n")
    page = signed_in.get("/steps/1")
    assert len(page.data) < 40_000
    assert "1.2 MB left out here" in page.text and "startéé" in page.text and "ééend" in page.text
    assert 'href="/steps/1/output.txt?line=2"' in page.text
    assert "left out here, with what was found" in signed_in.get("/steps/1?q=Middle").text
    assert "left out here:" in signed_in.get("/steps/1?q=start").text
    raw = signed_in.get("/steps/1/output.txt?line=2")
    assert raw.text == line and raw.content_type == "text/plain; charset=utf-8"
    assert "run-1-step-1-line-2.txt" in raw.headers["Content-Disposition"]
    assert signed_in.get("/steps/1/output.txt?line=4").status_code == 404


def test_numbers_are_those_of_the_raw_text(app: Flask, signed_in: FlaskClient) -> None:
    write_step(app, "\r\n10 %\r20 %\n\n\0\u2028\x85nul\nno end")
    page = signed_in.get("/steps/1").text
    assert numbers(page) == [1, 2, 3, 4, 5]
    assert "5 lines" in page
    assert 'id="L2"><a href="#L2" aria-label="2" tabindex="-1"></a>10 %<i>‹CR›</i>20 %\n' in page


def test_the_failing_line_stands_first(app: Flask, signed_in: FlaskClient) -> None:
    failed = {"status": StepStatus.FAILED, "error": "command exited with code 7"}
    write_step(app, LONG + "\x1b[31mconnection <refused>\x1b[0m\n\n --- \n", **failed)
    page = signed_in.get("/steps/1").text
    assert "<code>connection &lt;refused&gt;</code>" in page
    assert 'href="?line=5001#L5001"' in page
    assert page.index("connection &lt;refused") < page.index("command exited with code 7")
    assert page.index("command exited") < page.index('id="output-title"')
    assert "<dt>exit code</dt><dd>7</dd>" in page


def test_the_same_step_in_other_runs_tells_how_long_it_usually_takes(
    app: Flask, signed_in: FlaskClient
) -> None:
    runs = [make_run(str(n), workflow_name="port-scan") for n in range(1, 10)]
    runs.append(make_run("10", workflow_name="other"))
    steps = [make_step(n, 1, **took(n, 1_000 + 100 * n)) for n in range(1, 8)]
    steps.append(make_step(8, 1, **took(8, 9_000, StepStatus.FAILED)))
    steps.append(make_step(9, 1, **took(9, 4_200)))
    steps.append(make_step(10, 1, **took(10, 50_000)))
    write(app, runs, steps)
    page = signed_in.get("/steps/9").text
    # The median of 1.1 s to 1.7 s: neither the failed one nor the other workflow's counts.
    assert "3× its usual 1.4 s" in page
    assert re.findall(r"this step in </span>#(\d+)", page) == ["8", "7", "6", "5", "4", "3"]
    assert 'href="/steps?step_name=scan-ports&amp;workflow_name=port-scan"' in page
    usual = signed_in.get("/steps/4").text
    assert "(usual " in usual and "× its usual" not in usual
    alone = signed_in.get("/steps/10").text
    assert "The same step" not in alone and "usual" not in alone


@pytest.mark.parametrize(("walked", "found"), [(5, ["2", "1"]), (4, ["2"]), (3, [])])
def test_of_a_name_of_other_workflows_too_only_the_latest_are_looked_at(
    app: Flask,
    signed_in: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    walked: int,
    found: list[str],
) -> None:
    monkeypatch.setattr(same_steps, "WALKED", walked)
    workflows = ("port-scan", "port-scan", "other", "other", "port-scan")
    runs = [make_run(str(n), workflow_name=name) for n, name in enumerate(workflows, 1)]
    write(app, runs, [make_step(n, 1, **took(n, 1_000)) for n in range(1, 6)])
    page = signed_in.get("/steps/5").text
    assert re.findall(r"this step in </span>#(\d+)", page) == found


def test_a_page_never_reads_more_than_it_needs(app: Flask, signed_in: FlaskClient) -> None:
    write_step(app, LONG)
    with collected_statements(app) as statements:
        signed_in.get("/steps/1?q=line+4&line=40")
    # The user; the step with its run; its output, once; the steps before and after; the same step
    # in other runs; those running now.
    assert len(statements) == 7
    assert sum(bool(re.search(r"steps\.output(?!_)", one)) for one in statements) == 1
    with collected_statements(app) as statements:
        signed_in.get("/steps/1/lines?first=10", headers=HTMX)
    # The user; the step with its run; its output.
    assert len(statements) == 3


def write_running(app: Flask, output: str, status: StepStatus = StepStatus.RUNNING) -> None:
    now = utc_now()
    is_over = status == StepStatus.COMPLETED
    run = make_run("1", status=RunStatus.RUNNING, completed_at=None, updated_at=now)
    times = {"started_at": now, "completed_at": now if is_over else None}
    write(app, [run], [make_step(1, 1, output=output, status=status, **times)])


def test_a_running_step_asks_for_what_has_changed(app: Flask, signed_in: FlaskClient) -> None:
    write_running(app, "one\ntwo\n")
    page = signed_in.get("/steps/1").text
    assert 'hx-get="/steps/1/progress?seen_bytes=8" hx-trigger="every 3s, wake"' in page
    assert "running for " in page and 'name="last" value="2"' in page
    same = signed_in.get("/steps/1/progress?seen_bytes=8&last=2", headers=HTMX).text
    assert "every 3s" in same and "hx-swap-oob" not in same
    grown = signed_in.get("/steps/1/progress?seen_bytes=3&last=1", headers=HTMX).text
    # The last line that is shown may have gone on, so it is asked for again.
    assert "Show 1 new line" in grown and 'hx-get="/steps/1/lines?first=1"' in grown
    fresh = signed_in.get("/steps/1/progress?seen_bytes=0", headers=HTMX).text
    assert 'id="output"' in fresh and numbers(fresh) == [1, 2]


def test_a_step_that_has_ended_is_not_asked_for_again(app: Flask, signed_in: FlaskClient) -> None:
    write_running(app, "one\n", StepStatus.COMPLETED)
    page = signed_in.get("/steps/1").text
    assert "hx-trigger" not in page and "/progress" not in page
    done = signed_in.get("/steps/1/progress?seen_bytes=4&last=1", headers=HTMX).text
    assert "hx-trigger" not in done and "The step has ended: ok" in done
    assert re.findall(r'id="([\w-]+)" hx-swap-oob="true"', done) == [
        "step-head",
        "step-facts",
        "step-error",
        "step-exports",
    ]


def test_a_step_of_a_run_silent_for_a_day_is_not_asked_for(
    app: Flask, signed_in: FlaskClient
) -> None:
    silent = utc_now() - timedelta(hours=26)
    run = make_run("1", status=RunStatus.RUNNING, completed_at=None, updated_at=silent)
    write(app, [run], [make_step(1, 1, status=StepStatus.RUNNING, completed_at=None, output="")])
    assert "hx-trigger" not in signed_in.get("/steps/1").text
