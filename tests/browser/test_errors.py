"""A fragment that does not come says so in its place, and the same request can be sent again."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.conftest import PASSWORD

from .conftest import Complaints
from .test_lists import expect_address

# What the browser itself writes about an answer that is an error.
BROWSERS_OWN = "Failed to load resource"
Answer = Callable[[Route], None]


@pytest.fixture(scope="module")
def complaints() -> Complaints:
    """Return what notes only that which our scripts write to the console."""
    return Complaints(BROWSERS_OWN)


@pytest.fixture
def page(scripted_page: Page) -> Page:
    """Return a page that shows the steps."""
    scripted_page.goto("/steps")
    return scripted_page


def answer(status: int, body: str, content_type: str = "text/plain", **headers: str) -> Answer:
    return lambda route: route.fulfill(
        status=status, body=body, content_type=content_type, headers=headers
    )


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        (answer(500, "The server failed; its log says why."), "The server failed; its log"),
        (answer(404, "There is no run 7."), "There is no run 7."),
        (answer(502, "<h1>Bad gateway</h1>", "text/html"), "The server answered 502."),
        (lambda route: route.abort(), "The server cannot be reached."),
    ],
    ids=["500", "404", "502 of a proxy", "no network"],
)
def test_a_failure_is_said_in_its_place_and_tried_again(
    page: Page, fate: Answer, said: str
) -> None:
    # A small window: what is said stands in sight, though the list's head does not.
    page.set_viewport_size({"width": 390, "height": 400})
    page.evaluate("window.untouched = true")
    first = page.locator("#results tbody .name a").first.inner_text()
    asked: list[Route] = []
    page.route(re.compile(r"/steps\?"), lambda route: (asked.append(route), fate(route)))
    page.get_by_role("link", name="Next page").click()
    notice = page.locator("#results").get_by_role("alert")
    expect(notice).to_contain_text(said)
    expect(notice).to_be_in_viewport()
    expect(page.locator("#total")).not_to_be_in_viewport()
    expect(notice).to_contain_text("What is shown here is from before.")
    expect(page.locator("#results tbody .name a").first).to_have_text(first)
    expect_address(page, "/steps")

    again = notice.get_by_role("button", name="Try again")
    again.click()
    # What says so stays as it is, so only the request tells that it failed once more.
    expect(page.locator(".htmx-request")).to_have_count(0)
    assert len(asked) == 2
    expect(page.get_by_role("alert")).to_have_count(1)
    page.unroute_all()
    again.click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".range")).to_contain_text("21–40")
    expect_address(page, "/steps?offset=20")
    expect(page.get_by_role("table")).to_be_focused()
    assert page.evaluate("window.untouched"), "the page was loaded anew"


def test_a_server_that_never_answers_is_given_up(page: Page) -> None:
    waiting: list[Route] = []
    page.evaluate("htmx.config.timeout = 200")
    page.route(re.compile(r"/steps\?"), lambda route: waiting.append(route))
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("#results").get_by_role("alert")).to_contain_text(
        "The server did not answer in time."
    )


@pytest.mark.parametrize(
    "fate", [answer(500, "The server failed."), lambda route: route.abort()], ids=["500", "none"]
)
def test_an_output_that_did_not_come_opens_below_its_row_when_tried_again(
    page: Page, fate: Answer
) -> None:
    page.get_by_role("cell").locator("a[href^='/runs/']").first.click()
    row = page.locator("#step-rows > tr[id^=step]").first
    before = row.inner_text()
    page.route(re.compile("/peek"), fate)
    opener = row.get_by_role("button", name="Output of step")
    opener.click()
    notice = page.get_by_role("alert")
    expect(notice).to_be_visible()
    expect(opener).to_have_attribute("aria-expanded", "false")
    page.unroute_all()
    notice.get_by_role("button", name="Try again").click()
    peek = page.locator("#step-rows > tr[id^=step] + tr.peek-row")
    expect(peek).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert row.inner_text() == before
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(opener).to_be_focused()
    opener.click()
    expect(peek).to_have_count(0)


def test_a_form_is_sent_again_as_it_was(page: Page) -> None:
    page.route(re.compile(r"/steps\?"), answer(429, "Too many requests came from you. Wait 5 s."))
    page.get_by_label("Step name contains").fill("send")
    page.get_by_label("Step name contains").press("Enter")
    notice = page.locator("#results").get_by_role("alert")
    expect(notice).to_contain_text("Wait 5 s.")
    page.unroute_all()
    notice.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect_address(page, "/steps?step_name=send")


def test_enter_in_the_form_asks_once_and_without_a_complaint(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Workspace", exact=True).fill("example.org")
    page.get_by_label("Workspace", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("workspace=example.org"))
    page.wait_for_load_state("networkidle")
    assert len([url for url in asked if "/steps?" in url]) == 1, asked


def test_a_login_that_has_expired_leads_through_the_form_and_back(page: Page, server: str) -> None:
    page.goto("/steps?status=failed")
    page.context.clear_cookies()
    page.get_by_role("link", name=re.compile("^all")).first.click()
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page.locator("#results")).to_have_count(0)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{server}/steps?status=failed")


def test_the_page_of_an_error_is_no_dead_end(page: Page) -> None:
    page.goto("/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")
    expect(page.locator(".menu summary")).to_have_text("admin")
    page.keyboard.press("/")
    page.keyboard.type("odd-output")
    page.keyboard.press("Enter")
    expect_address(page, "/steps?step_name=odd-output")
