"""The jobs that people have, from the front page to their end, with their clicks counted."""

import json
import re
import subprocess
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.conftest import PASSWORD
from tests.data import make_run, make_source, make_step, write
from webapp.columns import utc_now
from webapp.models import RunStatus, StepStatus

from .chromium import log_in
from .conftest import MakePage
from .rows import import_sample

NOW = utc_now()
RUNNING, LAST_WEEK, TODAY = 901, 902, 903
HOSTS = "find-hosts"
source_ids: list[int] = []


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Import the real base; add a run that goes on, and one that is slower than last week's."""

    def fill_it(app: Flask) -> None:
        import_sample(app)
        source_ids.append(make_source(app, "jobs"))
        go_on(app, RunStatus.RUNNING, second=StepStatus.RUNNING)
        write_weekly(app)

    return fill_it


def go_on(
    app: Flask, status: RunStatus, second: StepStatus, output: str = "", third: bool = False
) -> None:
    """Write how the running run stands."""
    ended_at = None if status == RunStatus.RUNNING else utc_now()
    run = make_run(
        "live",
        wanted_id=RUNNING,
        status=status,
        workflow_name="live-scan",
        target="live.example.com",
        started_at=NOW,
        completed_at=ended_at,
        updated_at=utc_now(),
    )
    has_ended = second != StepStatus.RUNNING
    steps = [
        make_step(RUNNING, 1, step_name="warm-up", started_at=NOW),
        make_step(
            RUNNING,
            2,
            step_name="scan-slowly",
            status=second,
            started_at=NOW,
            completed_at=utc_now() if has_ended else None,
            output=output,
        ),
    ]
    if third:
        steps.append(make_step(RUNNING, 3, step_name="send-report", started_at=NOW))
    write(app, [run], steps, source_id=source_ids[0])


def write_weekly(app: Flask) -> None:
    """Write a run of last week and one of today, in which one step took ten times as long."""
    for run_id, began, ms in (
        (LAST_WEEK, NOW - timedelta(days=7), 2_000),
        (TODAY, NOW - timedelta(hours=2), 20_000),
    ):
        took = timedelta(milliseconds=ms)
        run = make_run(
            f"weekly-{run_id}",
            wanted_id=run_id,
            workflow_name="weekly-recon",
            started_at=began,
            completed_at=began + took + timedelta(seconds=1),
        )
        steps = [
            make_step(run_id, 1, step_name="prepare", started_at=began),
            make_step(
                run_id,
                2,
                step_name=HOSTS,
                started_at=began + timedelta(seconds=1),
                completed_at=began + timedelta(seconds=1) + took,
                duration_ms=ms,
            ),
        ]
        write(app, [run], steps, source_id=source_ids[0])


class Clicks:
    """A hand that counts."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, what: Locator) -> None:
        what.click()
        self.n += 1


def region(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def make(page: Page, click: Clicks, what: str, name: str, button: str) -> None:
    """Make something that has a name, from the user's menu on: three clicks."""
    click(page.locator("header summary"))
    click(page.locator("header").get_by_role("link", name=what))
    page.get_by_role("main").get_by_label("Name", exact=True).fill(name)
    click(page.get_by_role("button", name=button))


def test_what_failed_last_night_and_why(page: Page, make_page: MakePage, server: str) -> None:
    """From the front page to the failing line: one click, and a link to send."""
    click = Clicks()
    page.goto("/")
    failures = region(page, "Failed in the last 24 h")
    expect(failures).to_contain_text("exit 7 - $ tools.sh fail 'connection refused")
    click(failures.get_by_role("link", name="send-results").first)
    expect(page.get_by_role("heading", level=1)).to_contain_text("send-results")
    error = page.get_by_role("group", name="Error")
    expect(error).to_contain_text("command exited with code 7")
    expect(page.locator("pre.command")).to_contain_text("connection refused: 127.0.0.1:9200")
    assert click.n <= 3

    colleague = make_page(storage_state=None)
    log_in(colleague, server, PASSWORD, page.url.removeprefix(server))
    expect(colleague.get_by_role("group", name="Error")).to_have_text(error.inner_text())


def test_what_failed_is_found_in_the_list_too(page: Page) -> None:
    """Steps, failed, the step: three clicks to its output."""
    click = Clicks()
    page.goto("/")
    click(page.get_by_role("navigation", name="Main").get_by_role("link", name="Steps"))
    click(page.locator("#results").get_by_role("link", name=re.compile("^failed")).first)
    expect(page).to_have_url(re.compile("status=failed"))
    click(page.locator("tbody").get_by_role("link", name="check-login").first)
    expect(page.get_by_role("group", name="Error")).to_be_visible()
    assert click.n <= 3


def test_is_it_still_running_and_what_is_it_doing(scripted_page: Page, served_app: Flask) -> None:
    """One click; from there the page moves by itself, until the run has ended."""
    page, click = scripted_page, Clicks()
    page.goto("/")
    running = region(page, "Running now")
    expect(running).to_contain_text("live-scan")
    expect(running.get_by_role("link", name="scan-slowly")).to_be_visible()
    click(running.get_by_role("link", name=re.compile("live-scan")))
    steps = page.get_by_role("table", name="Steps")
    row = steps.get_by_role("row", name=re.compile("scan-slowly"))
    expect(row).to_contain_text("running")
    assert click.n == 1

    go_on(served_app, RunStatus.RUNNING, StepStatus.RUNNING, "host1 found\n")
    expect(row).to_contain_text("host1 found")
    go_on(served_app, RunStatus.COMPLETED, StepStatus.COMPLETED, "host1 found\n", third=True)
    expect(steps.get_by_role("row", name=re.compile("send-report"))).to_be_visible()
    expect(row).to_contain_text("ok")
    expect(page.get_by_role("heading", level=1)).to_contain_text("ok")
    expect(page.locator("#live[hx-get]")).to_have_count(0)


def test_why_is_this_run_slower_than_last_week(page: Page) -> None:
    """The workflow, its newest run, compare: three clicks to the step that took longer."""
    click = Clicks()
    page.goto("/")
    click(region(page, "Workflows").get_by_role("link", name="weekly-recon"))
    click(page.locator("tbody").get_by_role("link", name="weekly-recon").first)
    expect(region(page, "Timeline").first).to_contain_text(HOSTS)
    click(page.get_by_role("link", name="Compare", exact=True))
    row = page.get_by_role("row", name=re.compile(HOSTS))
    expect(row).to_contain_text("much slower")
    expect(row).to_contain_text("18.0 s")
    assert click.n == 3


def test_how_are_our_workflows_doing(page: Page) -> None:
    """Everything is on the front page; each number is one click from its list."""
    click = Clicks()
    page.goto("/")
    row = region(page, "Workflows").get_by_role("row", name=re.compile("nightly"))
    expect(row).to_contain_text("100 %")
    expect(region(page, "Slowest steps")).to_contain_text("20.0 s")
    number = region(page, "Failed steps per day").locator("[data-count]").first
    wanted = number.get_attribute("data-count")
    click(number)
    expect(page.locator("#total")).to_contain_text(re.compile(rf"^{wanted}\b"))
    assert click.n == 1


def test_a_script_gets_exactly_the_view(scripted_page: Page) -> None:
    """Make a token, filter a list, take its curl line: it prints the rows of the view."""
    page, click = scripted_page, Clicks()
    page.goto("/")
    make(page, click, "Tokens", "report", "Make the token")
    token = region(page, "Made the token report").locator("code").first.inner_text()
    click(page.get_by_role("navigation", name="Main").get_by_role("link", name="Steps"))
    click(page.locator("#results").get_by_role("link", name=re.compile("^failed")).first)
    expect(page).to_have_url(re.compile("status=failed"))
    line = page.locator(".as-json code").inner_text()
    links = page.locator("tbody .c-name a").evaluate_all("all => all.map(one => one.pathname)")
    printed = subprocess.run(
        ["bash", "-c", line],
        env={"TOKEN": token, "PATH": "/usr/bin:/bin", "no_proxy": "*"},
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    assert [f"/steps/{step['id']}" for step in json.loads(printed)["data"]] == links
    assert len(links) == 20
    assert click.n == 5


def test_an_administrator_adds_a_user_and_imports_again(scripted_page: Page) -> None:
    """Three clicks each, beside typing a name."""
    page, click = scripted_page, Clicks()
    page.goto("/")
    make(page, click, "Users", "grace", "Add the user")
    expect(region(page, "The password of grace").locator("code")).not_to_be_empty()
    assert click.n == 3

    click(page.locator("header summary"))
    click(page.locator("header").get_by_role("link", name="Sources"))
    demo = region(page, "demo")
    click(demo.get_by_role("button", name="Import again"))
    expect(demo.get_by_role("button", name="Import again")).to_be_visible()
    expect(demo).to_contain_text("imported just now")
    assert click.n == 6
