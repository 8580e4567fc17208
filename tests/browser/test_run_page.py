"""The page of a run in a real browser: outputs in place, steps filtered, a run that moves on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.data import START, make_run, make_source, make_step, write
from webapp.columns import utc_now
from webapp.ingest.records import RunRecord, StepRecord
from webapp.models import RunStatus, StepStatus

from .conftest import MakePage

LINES = "".join(f"line {n}\n" for n in range(1, 101))
# What runs goes on in the database that the server reads, while a test looks at it.
written: dict[str, Any] = {}


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Write two runs of a workflow, the later one slow; and note where to write more."""

    def write_runs(app: Flask) -> None:
        written["app"], written["source_id"] = app, make_source(app)
        slow = {"completed_at": START + timedelta(seconds=32), "duration_ms": 30_000}
        failed = make_step(
            2, 3, status=StepStatus.FAILED, error="exit code 7", output=LINES, step_name="send"
        )
        late = START + timedelta(seconds=90)
        runs = [
            make_run("1"),
            make_run("2", completed_at=late, params={"api_token": "s3cr3t", "target": "a.test"}),
        ]
        steps = [*(make_step(1, n) for n in (1, 2, 3)), make_step(2, 1), make_step(2, 2, **slow)]
        write_more(runs, [*steps, failed])

    return write_runs


def write_more(runs: list[RunRecord], steps: list[StepRecord]) -> dict[str, int]:
    return write(written["app"], runs, steps, source_id=written["source_id"])


def make_moving(key: str, **changes: object) -> RunRecord:
    """Return a run that is running, with a sign of life just now."""
    now = utc_now()
    values: dict[str, object] = {"status": RunStatus.RUNNING, "completed_at": None}
    began = now - timedelta(seconds=20)
    return make_run(key, **{**values, "started_at": began, "updated_at": now, **changes})


def make_running(run_id: int, n: int) -> StepRecord:
    """Return a step that is running."""
    return make_step(run_id, n, status=StepStatus.RUNNING, output="", completed_at=None)


def rows(page: Page) -> Any:
    return page.locator("#step-rows > tr[id^=step]")


def test_an_output_opens_in_its_row_by_mouse_and_keyboard(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/runs/2")
    button = page.get_by_role("button", name="Output of step 3")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    peek = page.locator("#peek-6")
    expect(peek.locator(".peek-error")).to_have_text("exit code 7")
    expect(peek.get_by_text("line 100", exact=True)).to_be_in_viewport()
    expect(peek).to_contain_text("The last 40 of 100 lines.")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(button).to_be_focused()
    page.keyboard.press("Space")
    expect(peek).to_have_count(0)
    expect(button).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    peek.get_by_role("link", name="Open the whole output").focus()
    page.keyboard.press("Escape")
    expect(peek).to_have_count(0)
    expect(button).to_be_focused()


def test_without_scripts_an_output_is_a_link_to_its_step(make_page: MakePage, server: str) -> None:
    page = make_page(java_script_enabled=False)
    page.goto("/runs/2")
    page.get_by_role("link", name="Output of step 3").click()
    expect(page).to_have_url(f"{server}/steps/6")


def test_steps_are_filtered_in_place_and_the_address_says_so(page: Page, server: str) -> None:
    page.goto("/runs/2")
    has_scripts = page.locator("html.js").count() == 1
    timeline = page.locator(".timeline").element_handle()
    page.get_by_role("navigation", name="Which steps").get_by_role("link", name="failed 1").click()
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(f"{server}/runs/2?show=failed{'' if has_scripts else '#steps'}")
    if has_scripts:
        assert timeline.evaluate("element => element.isConnected"), "the page was loaded anew"
        expect(page.locator("#show-failed")).to_be_focused()
        expect(page.locator("#run-news")).to_have_text("Showing failed 1 of the steps.")
    page.go_back()
    expect(rows(page)).to_have_count(3)


def test_a_secret_is_shown_when_asked_for(page: Page) -> None:
    page.goto("/runs/2")
    expect(page.get_by_text("s3cr3t")).to_be_hidden()
    page.get_by_text("show", exact=True).click()
    expect(page.get_by_text("s3cr3t")).to_be_visible()
    expect(page.get_by_text("a.test")).to_be_visible()


def test_why_a_run_is_slower_takes_one_click_from_it(page: Page, server: str) -> None:
    page.goto("/runs/2")
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page).to_have_url(f"{server}/runs/2/compare")
    expect(page.get_by_role("heading", level=2).first).to_have_text(
        "#2 was 30.0 s longer than #1, 1.5 times as long"
    )
    expect(page.locator(".causes")).to_contain_text("step-2 29.5 s longer")
    expect(page.locator("tr.slow")).to_contain_text("much slower: 29.5 s longer")
    page.get_by_label("Steps by", exact=True).select_option("difference")
    page.get_by_role("button", name="Compare").click()
    expect(page).to_have_url(f"{server}/runs/2/compare?with=1&sort=difference")
    expect(page.locator(".pairs tbody tr").first).to_contain_text("step-2")
    if page.locator("html.js").count():
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{server}/steps/5")


def settled_top(locator: Locator) -> float:
    """Return where it stands in the window, once it has stood there for three frames."""
    top: float = locator.evaluate(
        """async (element) => {
          const frame = () => new Promise(requestAnimationFrame);
          const top = () => element.getBoundingClientRect().top;
          for (let last = NaN, still = 0; still < 3; last = top()) {
            await frame();
            still = top() === last ? still + 1 : 0;
          }
          return top();
        }"""
    )
    return top


def test_a_run_moves_on_and_nothing_that_is_read_is_touched(scripted_page: Page) -> None:
    page = scripted_page
    page.set_viewport_size({"width": 1200, "height": 600})
    steps = [make_step(3, 1, output=LINES), make_step(3, 2), make_running(3, 3)]
    assert write_more([make_moving("3")], steps)["3"] == 3
    page.goto("/runs/3")
    page.get_by_role("button", name="Output of step 1").click()
    expect(page.locator("#peek-7")).to_be_visible()
    second = rows(page).nth(1).get_by_role("link", name="step-2")
    second.focus()
    second.scroll_into_view_if_needed()
    page.evaluate(
        "link => getSelection().setBaseAndExtent(link.firstChild, 0, link.firstChild, 4)",
        second.element_handle(),
    )
    before = settled_top(second)

    write_more([], [make_step(3, 3), make_running(3, 4), make_running(3, 5)])
    expect(page.locator("#run-news")).to_have_text("step-3 ok, step-4 running, step-5 running")
    expect(rows(page)).to_have_count(5)
    expect(rows(page).nth(2).locator(".c-status")).to_have_text("ok")
    expect(page.locator("#peek-7")).to_be_visible()
    expect(second).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "step"
    # The timeline above has two more rows.
    assert abs(settled_top(second) - before) < 1

    # A row that came later opens as the others do.
    page.get_by_role("button", name="Output of step 4").click()
    expect(page.locator("#peek-10")).to_contain_text("Nothing yet")

    ended = [make_step(3, n) for n in (4, 5)]
    write_more([make_moving("3", status=RunStatus.FAILED, error="out of time")], ended)
    expect(page.locator("#run-state")).to_have_text("failed")
    expect(page.get_by_role("group", name="Error")).to_contain_text("out of time")
    expect(page.locator("[hx-trigger^=every]")).to_have_count(0)


def test_a_hidden_tab_asks_for_nothing_until_it_is_seen(scripted_page: Page) -> None:
    page = scripted_page
    run_id = write_more([make_moving("4")], [])["4"]
    page.goto(f"/runs/{run_id}")
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            window.sent = 0;
            document.addEventListener("htmx:beforeSend", () => (window.sent += 1));
            htmx.trigger("#live", "again");
        }"""
    )
    assert page.evaluate("window.sent") == 0
    with page.expect_response(lambda response: "/live?" in response.url) as asked:
        page.evaluate(
            """() => {
                delete document.hidden;
                document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
    assert asked.value.status == 204


def test_the_time_a_run_has_taken_counts_on(scripted_page: Page) -> None:
    page = scripted_page
    run_id = write_more([make_moving("5")], [])["5"]
    page.goto(f"/runs/{run_id}")
    elapsed = page.locator("[data-elapsed]")
    first = elapsed.inner_text()
    expect(elapsed).not_to_have_text(first)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_scrolls_sideways(scripted_page: Page, width: int) -> None:
    page = scripted_page
    page.set_viewport_size({"width": width, "height": 700})
    page.goto("/runs/2")
    for n, position in enumerate((2, 3), 1):
        page.get_by_role("button", name=f"Output of step {position}").click()
        # What opens moves the next button, even while that is pressed.
        expect(page.locator(".peek-row")).to_have_count(n)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto("/runs/2/compare")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_number_of_a_line_is_whole(scripted_page: Page) -> None:
    page = scripted_page
    run_id = write_more([make_run("6")], [])["6"]
    write_more([], [make_step(run_id, 1, output="x\n" * 1_234_567)])
    page.goto(f"/runs/{run_id}")
    page.get_by_role("button", name="Output of step 1").click()
    number = page.locator(".peek-lines a").last
    expect(number).to_have_attribute("data-n", "1234567")
    assert number.evaluate("(link) => link.scrollWidth <= link.clientWidth")
    assert number.evaluate("(link) => link.offsetLeft >= 0")


def test_a_long_timeline_opens_where_something_runs_or_failed(scripted_page: Page) -> None:
    page = scripted_page
    run_id = write_more([make_moving("7")], [])["7"]
    began = utc_now() - timedelta(seconds=20)
    past = {"started_at": began, "completed_at": began + timedelta(seconds=1)}
    steps = [make_step(run_id, n, **past) for n in range(1, 61)]
    steps[39] = make_step(run_id, 40, status=StepStatus.FAILED, error="no", **past)
    running = {**past, "status": StepStatus.RUNNING, "completed_at": None, "output": ""}
    write_more([], [*steps, make_step(run_id, 61, **running)])
    page.goto(f"/runs/{run_id}")
    box = page.locator(".timeline-scroll")
    rows = box.locator(".timeline-row")
    expect(page.locator(".timeline-head")).to_contain_text("It has 61 rows: scroll in it")
    expect(rows.nth(60)).to_be_in_viewport()
    box.evaluate("(element) => (element.scrollTop = 10)")
    ended = {"status": StepStatus.COMPLETED, "completed_at": utc_now()}
    write_more([], [make_step(run_id, 61, **{**running, **ended})])
    expect(page.locator("#run-news")).to_have_text("step-61 ok")
    assert box.evaluate("(element) => element.scrollTop") == 10
    page.reload()
    expect(rows.nth(39)).to_be_in_viewport()


def test_the_cross_of_a_short_failure_stands_beside_its_bar(scripted_page: Page) -> None:
    scripted_page.goto("/runs/2")
    row = scripted_page.locator(".timeline-row", has=scripted_page.locator(".cross"))
    bar, cross = (row.locator(one).bounding_box() for one in (".timeline-bar", ".cross"))
    panel = scripted_page.locator(".timeline").bounding_box()
    assert bar and cross and panel
    assert cross["x"] >= bar["x"] + bar["width"]
    assert cross["x"] + cross["width"] <= panel["x"] + panel["width"]
