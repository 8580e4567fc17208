"""A run and its steps in a real browser: to the failing line, and past hostile output, unharmed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Dialog, Page, expect

from tests.data import START, make_run, make_step, write
from webapp.models import Recovered, RunStatus, StepStatus

HOSTILE_NAME = "name with <b>markup</b> & 'quotes'"
HOSTILE = (
    "<script>document.title='pwned';alert(1)</script><img src=x onerror=alert(2)>\n"
    "\x1b]8;;javascript:alert(3)\x07click me\x1b]8;;\x07 \x1b]0;t\x07\x1b[2J\x1b[31mred\x1b[0m\n"
    "rtl \u202e and </pre></main><a id=evil href='javascript:alert(4)' onclick=alert(5)>x</a>\n"
)
LONG = "".join(f"line {n}\n" for n in range(1, 5001))


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Write a failed run, and one whose output is hostile or long."""
    return write_details


def write_details(app: Flask) -> None:
    """Write the two runs."""
    failed_run = make_run(
        "1", status=RunStatus.FAILED, error="command exited with code 7", total_steps=2
    )
    ended = START + timedelta(seconds=2)
    failed = make_step(
        1,
        2,
        step_name="send-results",
        status=StepStatus.FAILED,
        error="command exited with code 7",
        output="",
        recovered=Recovered.EXECUTION_LOG,
        command="send --to\nnowhere",
        started_at=ended,
        completed_at=ended,
        duration_ms=0,
    )
    hostile = make_step(
        2,
        1,
        step_name=HOSTILE_NAME,
        output=HOSTILE,
        command=HOSTILE,
        error=HOSTILE,
        exports={"<b>": HOSTILE},
        status=StepStatus.FAILED,
    )
    steps = [make_step(1, 1), failed, hostile, make_step(2, 2, step_name="long", output=LONG)]
    write(app, [failed_run, make_run("2", target=HOSTILE_NAME, params={"<i>": HOSTILE})], steps)


def stay_unharmed(page: Page, path: str) -> None:
    """Open a page of hostile content and see that it does nothing."""
    dialogs: list[Dialog] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog), dialog.dismiss()))
    page.goto(path)
    expect(page).to_have_title(title_of(path))
    assert dialogs == []
    expect(page.locator("#evil, main b.evil, main script, main img, main [onclick]")).to_have_count(
        0
    )
    expect(page.locator("main a[href^='javascript']")).to_have_count(0)


def title_of(path: str) -> str:
    what = f"#2 recon-domain on {HOSTILE_NAME}"
    return (
        f"{what if path.startswith('/runs') else f'{HOSTILE_NAME} in #2 recon-domain'} · Stepboard"
    )


def test_from_a_run_to_the_error_of_its_failed_step(page: Page, server: str) -> None:
    page.goto("/runs/1")
    expect(page.get_by_role("group", name="Error")).to_contain_text("the 2nd of 2 steps")
    expect(page.locator(".timeline")).to_contain_text("failed: send-results.")
    page.get_by_role("table", name="Steps").get_by_role("link", name="send-results").click()
    expect(page).to_have_url(f"{server}/steps/2")
    expect(page.get_by_role("group", name="Error")).to_have_text("command exited with code 7")
    expect(page.locator("pre.command")).to_have_text("send --to\nnowhere")
    expect(page.locator("#output")).to_contain_text("Not kept")
    page.get_by_role("navigation", name="Steps of the run").get_by_role(
        "link", name="step-1"
    ).click()
    expect(page).to_have_url(f"{server}/steps/1")
    page.get_by_role("link", name="#1 recon-domain").click()
    expect(page).to_have_url(f"{server}/runs/1")


def test_a_bar_of_the_timeline_leads_to_its_step(page: Page, server: str) -> None:
    page.goto("/runs/1")
    page.locator(".timeline-bar.s-failed").click()
    expect(page).to_have_url(f"{server}/steps/2")


def test_hostile_output_is_shown_and_does_nothing(page: Page) -> None:
    page.goto("/steps")
    stay_unharmed(page, "/runs/2")
    stay_unharmed(page, "/steps/3")
    lines = page.locator(".lines .line")
    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_contain_text("<script>document.title='pwned';alert(1)</script>")
    expect(lines.nth(1)).to_contain_text("‹ESC›]8;;javascript:alert(3)‹BEL›click me")
    expect(lines.nth(1).locator(".ansi31")).to_have_text("red")
    expect(lines.nth(2)).to_contain_text("‹U+202E› and </pre></main><a id=evil")
    expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE_NAME)


def test_a_long_output_opens_at_its_end(page: Page, server: str) -> None:
    page.goto("/steps/4")
    expect(page.locator("#L5000")).to_be_visible()
    expect(page.locator("#L5000")).to_be_in_viewport()
    expect(page.locator("#L4001")).not_to_be_in_viewport()
    page.goto(f"{server}/steps/4#L4010")
    expect(page.locator("#L4010")).to_be_in_viewport()
    raw = page.get_by_role("link", name="raw", exact=True).get_attribute("href")
    assert page.request.get(f"{server}{raw}").text() == LONG


def test_a_number_of_a_line_is_neither_selected_nor_copied(scripted_page: Page) -> None:
    scripted_page.goto("/steps/1")
    copied = scripted_page.evaluate(
        "() => { getSelection().selectAllChildren(document.querySelector('.lines'));"
        " return getSelection().toString() }"
    )
    assert copied.strip() == "output of 1"


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("path", ["/runs/1", "/runs/2", "/steps/2", "/steps/3", "/steps/4"])
def test_no_page_scrolls_sideways(scripted_page: Page, width: int, path: str) -> None:
    scripted_page.set_viewport_size({"width": width, "height": 700})
    scripted_page.goto(path)
    assert scripted_page.evaluate("document.documentElement.scrollWidth") <= width
