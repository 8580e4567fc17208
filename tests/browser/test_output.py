"""The output of a step in a real browser: links to lines, search, ranges, and one that runs."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from tests.conftest import PASSWORD
from tests.data import make_run, make_step, write
from webapp.columns import utc_now
from webapp.extensions import db
from webapp.models import RunStatus, Source, StepStatus

from .conftest import MakePage

N_LINES = 20_000
LONG = "".join(f"{n:05} ok\n" for n in range(1, N_LINES + 1)).replace("12345 ok", "12345 Needle")
WIDE = "wide " * 400 + "\nshort\n"
TOP_OF = "(id) => document.getElementById(id).getBoundingClientRect().top"
RUNNING = 3
apps: list[Flask] = []


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Return what writes a long output, a wide one, and that of a step that runs."""

    def write_outputs(app: Flask) -> None:
        apps.append(app)
        steps = [make_step(1, 1, output=LONG), make_step(1, 2, output=WIDE)]
        write(app, [make_run("1")], steps)
        print_more("".join(f"line {n}\n" for n in range(1, 201)))

    return write_outputs


def print_more(output: str, status: StepStatus = StepStatus.RUNNING) -> None:
    """Let the step that runs have printed this much."""
    app, now = apps[-1], utc_now()
    with app.app_context():
        source_id = db.session.execute(select(Source.id)).scalar_one()
        db.session.rollback()
    times = {"started_at": now - timedelta(minutes=2), "created_at": now, "completed_at": None}
    run = make_run("2", status=RunStatus.RUNNING, updated_at=now, **times)
    if status == StepStatus.FAILED:
        times |= {"completed_at": now, "error": "exit code 7"}
    step = make_step(2, 1, output=output, status=status, **times)
    write(app, [run], [step], source_id=source_id)
    with app.app_context():
        db.engine.dispose()


def wake(page: Page) -> None:
    """Ask at once for what has changed, as a tab does when it is looked at again."""
    with page.expect_response(re.compile("/progress")):
        page.evaluate("htmx.trigger('#step-live', 'wake')")


def test_a_link_leads_to_lines_in_the_middle_of_a_long_output(
    make_page: MakePage, server: str
) -> None:
    page = make_page()
    page.goto("/steps/1")
    expect(page.locator(f"#L{N_LINES}")).to_be_in_viewport()
    page.goto(f"{server}/steps/1#L9000-L9003")
    expect(page.locator(".line.marked")).to_have_count(4)
    expect(page.locator("#L9003")).to_be_in_viewport()
    plain = make_page(java_script_enabled=False)
    plain.goto(f"{server}/steps/1?line=9000-9003#L9000")
    expect(plain.locator(".line.marked")).to_have_count(4)
    expect(plain.locator("#L9003")).to_be_in_viewport()


def test_a_click_marks_a_line_and_with_shift_a_range(scripted_page: Page, server: str) -> None:
    page = scripted_page
    page.goto("/steps/1")
    page.locator("#L19990 > a").click()
    expect(page).to_have_url(f"{server}/steps/1#L19990")
    page.locator("#L19987 > a").click(modifiers=["Shift"])
    expect(page).to_have_url(f"{server}/steps/1#L19987-L19990")
    expect(page.locator(".line.marked")).to_have_count(4)
    page.reload()
    expect(page.locator(".line.marked")).to_have_count(4)


def test_marks_follow_into_lines_that_are_loaded_later(scripted_page: Page, server: str) -> None:
    page = scripted_page
    page.goto("/steps/1")
    page.goto(f"{server}/steps/1#L10-L700")
    expect(page.locator("#L10")).to_be_in_viewport()
    marked = page.locator(".line.marked")
    expect(marked).to_have_count(491)
    page.locator("#load-later").click()
    expect(marked).to_have_count(691)


def test_a_link_to_a_line_keeps_the_search(scripted_page: Page, server: str) -> None:
    page = scripted_page
    page.goto("/steps/1?q=777+ok")
    page.get_by_role("link", name="Next line found").click()
    expect(page.locator(".line.current")).to_have_attribute("id", "L1777")
    page.locator("#L1777 > a").click()
    expect(page).to_have_url(f"{server}/steps/1?q=777+ok#L1777")
    page.reload()
    expect(page.locator(".line.marked")).to_have_attribute("id", "L1777")
    expect(page.locator("#L1777")).to_be_in_viewport()
    expect(page.locator("#output-q")).to_have_value("777 ok")
    expect(page.locator("#output .hits")).to_have_text("2 of 20 lines")
    page.get_by_role("link", name="Next line found").click()
    expect(page.locator("#output .hits")).to_have_text("3 of 20 lines")


def test_a_search_goes_through_all_lines(page: Page) -> None:
    page.goto("/steps/1")
    box = page.get_by_role("searchbox", name="Search in all lines of the output")
    hits = page.locator("#output .hits")
    box.fill("needle")
    box.press("Enter")
    expect(hits).to_have_text("1 of 1 line")
    expect(page).to_have_url(re.compile(r"/steps/1\?q=needle"))
    expect(page.locator("#L12345")).to_have_class(re.compile("current"))
    box.fill("9 OK")
    page.get_by_role("button", name="Find").click()
    expect(hits).to_have_text("1 of 2,000 lines")
    page.get_by_role("link", name="Next line found").click()
    expect(hits).to_have_text("2 of 2,000 lines")
    expect(page.locator("#L19")).to_have_class(re.compile("current"))
    expect(page.locator("#L19")).to_be_in_viewport()
    page.get_by_role("link", name="Previous line found").click()
    expect(hits).to_have_text("1 of 2,000 lines")
    page.go_back()
    expect(hits).to_have_text("2 of 2,000 lines")


def test_keys_turn_to_the_lines_found_while_a_search_stands(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps/1?q=99+ok")
    current = page.locator("#output .line.current")
    first = current.get_attribute("id")
    page.keyboard.press("n")
    expect(current).not_to_have_id(first or "")
    page.keyboard.press("p")
    expect(current).to_have_id(first or "")
    # There is none before it; the step before is not meant either.
    page.keyboard.press("p")
    page.keyboard.press("n")
    expect(current).not_to_have_id(first or "")
    expect(page).to_have_url(re.compile(r"/steps/1\?q="))
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog")
    expect(help_.locator("div", has_text="Next line found")).to_contain_text("n")
    expect(help_).to_contain_text("Previous line found")
    expect(help_).not_to_contain_text("The step after")


def test_earlier_lines_come_without_moving_those_being_read(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps/1")
    page.locator("#load-earlier").scroll_into_view_if_needed()
    before = page.evaluate(TOP_OF, "L19001")
    page.locator("#load-earlier").click()
    expect(page.locator(".line")).to_have_count(1_500)
    expect(page.locator(".range-shown")).to_have_text("lines 18,501–20,000")
    assert abs(page.evaluate(TOP_OF, "L19001") - before) < 2
    page.get_by_role("link", name="start", exact=True).click()
    expect(page.locator("#L1")).to_be_in_viewport()
    page.locator("#load-later").scroll_into_view_if_needed()
    before = page.evaluate(TOP_OF, "L500")
    page.locator("#load-later").click()
    expect(page.locator(".line")).to_have_count(1_000)
    assert abs(page.evaluate(TOP_OF, "L500") - before) < 2


def test_a_link_to_lines_leads_to_them_over_the_login(make_page: MakePage, server: str) -> None:
    page = make_page(storage_state=None)
    page.goto(f"{server}/steps/1#L10-L20")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".line.marked")).to_have_count(11)
    assert page.url.endswith("/steps/1#L10-L20")


def test_earlier_lines_are_a_link_away_without_scripts(make_page: MakePage) -> None:
    page = make_page(java_script_enabled=False)
    page.goto("/steps/1")
    page.locator("#load-earlier").click()
    expect(page.locator("#L19000")).to_have_count(1)
    expect(page.locator("#L18501")).to_have_count(1)
    page.get_by_role("link", name="start", exact=True).click()
    expect(page.locator("#L1")).to_be_in_viewport()


def test_lines_wrap_or_not_and_the_browser_remembers(page: Page) -> None:
    page.goto("/steps/2")
    line = page.locator("#L1")
    tall = line.bounding_box()
    page.get_by_label("wrap").uncheck()
    flat = line.bounding_box()
    assert tall and flat and tall["height"] > 2 * flat["height"]
    has_scripts = page.evaluate("document.documentElement.classList.contains('js')")
    page.reload()
    expect(page.get_by_label("wrap")).to_be_checked(checked=not has_scripts)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_running_step_moves_by_itself_and_nothing_under_the_reader(scripted_page: Page) -> None:
    page = scripted_page
    first = "".join(f"line {n}\n" for n in range(1, 201))
    page.goto(f"/steps/{RUNNING}")
    expect(page.locator("#step-live")).to_contain_text(re.compile("running for [2-9] min"))

    # At the end: what comes is followed.
    page.locator("#L200").scroll_into_view_if_needed()
    page.locator(".output-scroll").evaluate("(box) => { box.scrollTop = box.scrollHeight }")
    print_more(first + "more 201\n" * 50 + "half a li")
    wake(page)
    expect(page.locator("#L251")).to_be_in_viewport()

    # Higher up: what comes is only announced; the line half printed is shown anew, once.
    page.locator(".output-scroll").evaluate("(box) => { box.scrollTop = 600 }")
    before = page.evaluate(TOP_OF, "L100")
    print_more(first + "more 201\n" * 50 + "half a line, whole\nlast\n")
    wake(page)
    expect(page.locator("#later")).to_contain_text("Show 1 new line")
    expect(page.locator("#output-said")).to_have_text("Show 1 new line")
    assert page.evaluate(TOP_OF, "L100") == before
    page.locator("#load-later").click()
    expect(page.locator("#L251")).to_have_text(re.compile("half a line, whole"))
    expect(page.locator("#L251")).to_have_count(1)

    # In a hidden tab nothing is asked for.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("htmx.trigger('#step-live', 'wake')")
    page.evaluate("delete document.hidden")
    assert asked == []

    print_more(first + "more 201\n" * 50 + "half a line, whole\nlast\n", StepStatus.FAILED)
    wake(page)
    expect(page.locator("#step-live")).to_contain_text("The step has ended: failed")
    expect(page.get_by_role("group", name="Error")).to_contain_text("exit code 7")
    expect(page.get_by_role("heading", level=1)).to_contain_text("failed")
    expect(page.locator("[hx-trigger]")).to_have_count(0)
