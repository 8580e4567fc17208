"""The lists in a real browser, with JavaScript on and off."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PASSWORD

from .chromium import log_in
from .conftest import MakePage

FAILED = 6
ALL = 115


def expect_address(page: Page, path: str) -> None:
    expect(page).to_have_url(re.compile(re.escape(path) + "$"))


def expect_total(page: Page, text: str) -> None:
    expect(page.locator("#total")).to_have_text(text)


def apply(page: Page) -> None:
    """Send the form where no script does."""
    button = page.get_by_role("button", name="Apply")
    if button.is_visible():
        button.click()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_login_filters_pages_and_the_way_back(
    make_page: MakePage, server: str, scripts: bool
) -> None:
    page = make_page(java_script_enabled=scripts, storage_state=None)
    log_in(page, server, PASSWORD)
    expect_total(page, str(ALL))

    page.get_by_role("link", name=re.compile("^failed")).first.click()
    expect_address(page, "/steps?status=failed")
    expect_total(page, f"{FAILED} of {ALL}")
    expect(page.locator("tbody tr")).to_have_count(FAILED)

    page.go_back()
    expect_address(page, "/steps")
    expect_total(page, str(ALL))
    expect(page.locator(".topbar")).to_be_visible()

    page.get_by_role("link", name="Next page").click()
    expect_address(page, "/steps?offset=20")
    expect(page.locator(".range")).to_have_text(f"21–40 of {ALL}")

    page.go_back()
    expect(page.locator(".range")).to_have_text(f"1–20 of {ALL}")
    page.go_forward()
    expect(page.locator(".range")).to_have_text(f"21–40 of {ALL}")
    expect(page.locator("#filters")).to_have_count(1)

    page.reload()
    expect_address(page, "/steps?offset=20")
    expect(page.locator(".range")).to_have_text(f"21–40 of {ALL}")


def test_the_form_filters_and_a_chip_takes_it_back(page: Page) -> None:
    page.goto("/steps")
    page.locator("#filters summary", has_text="Type").click()
    page.get_by_role("checkbox", name="only function").check()
    apply(page)
    expect_total(page, f"23 of {ALL}")
    expect(page).to_have_url(re.compile("step_type=function"))
    page.get_by_role("link", name="Remove the filter type is function").click()
    expect_address(page, "/steps")
    expect_total(page, str(ALL))
    expect(page.locator("#step_type-is-function")).not_to_be_checked()


def test_runs_filter_as_easily(page: Page) -> None:
    page.goto("/runs")
    expect_total(page, "24")
    page.get_by_role("link", name=re.compile("^queued")).click()
    expect_address(page, "/runs?status=queued")
    expect_total(page, "1 of 24")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_logging_out_ends_at_the_form(make_page: MakePage, server: str, scripts: bool) -> None:
    page = make_page(java_script_enabled=scripts, storage_state=None)
    log_in(page, server, PASSWORD)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect_address(page, "/login")
    page.goto("/steps")
    expect(page.get_by_label("Password")).to_be_visible()


def test_typing_filters_in_place_and_keeps_the_cursor(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    page.evaluate("window.untouched = true")
    expect(page.get_by_role("button", name="Apply")).to_be_hidden()
    box = page.get_by_label("Step name contains")
    box.press_sequentially("send")
    expect_total(page, f"23 of {ALL}")
    expect_address(page, "/steps?step_name=send")
    expect(box).to_be_focused()
    box.press_sequentially("-results")
    expect_address(page, "/steps?step_name=send-results")
    expect(box).to_have_value("send-results")
    assert page.evaluate("window.untouched"), "the page was loaded anew"


def test_the_form_follows_the_links_of_the_list(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    page.locator("#workspace").fill("example.org")
    page.locator("#workspace").press("Tab")
    expect(page).to_have_url(re.compile("workspace=example.org"))
    bash = page.locator("#choices-step_type .choice", has_text=re.compile("^bash")).locator(".num")
    expect(bash).not_to_have_text("69")
    expect(page.locator("#workspace")).to_have_value("")
    page.get_by_role("link", name="clear all").click()
    expect_address(page, "/steps")
    expect(bash).to_have_text("69")


def test_nothing_moves_when_a_page_is_turned(scripted_page: Page) -> None:
    page = scripted_page
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto("/steps")
    first = page.locator("tbody tr").first
    before = first.bounding_box()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".range")).to_have_text(f"21–40 of {ALL}")
    assert first.bounding_box() == before
    page.get_by_role("link", name=re.compile("^failed")).first.click()
    expect_total(page, f"{FAILED} of {ALL}")
    assert first.bounding_box() == before


@pytest.mark.parametrize("path", ["/steps", "/runs", "/steps?status=pending", "/login"])
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_no_page_scrolls_sideways(scripted_page: Page, path: str, width: int) -> None:
    page = scripted_page
    page.set_viewport_size({"width": width, "height": 800})
    if path == "/login":
        page.context.clear_cookies()
    page.goto(path)
    assert urlsplit(page.url).path == urlsplit(path).path
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_form_unfolds(scripted_page: Page) -> None:
    page = scripted_page
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/steps")
    expect(page.locator("#step_name")).to_be_hidden()
    page.get_by_text("Filters", exact=True).click()
    expect(page.locator("#step_name")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False])
def test_the_colours_follow_the_system(make_page: MakePage, scheme: str, scripts: bool) -> None:
    page = make_page(color_scheme=scheme, java_script_enabled=scripts)
    page.goto("/login")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == {"light": "rgb(246, 247, 249)", "dark": "rgb(20, 24, 29)"}[scheme]
