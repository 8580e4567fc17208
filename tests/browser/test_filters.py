"""The filters of the lists in a real browser: chosen, typed, combined, taken back."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from .conftest import MakePage
from .test_lists import ALL, FAILED, apply, expect_address, expect_total


def open_pick(page: Page, name: str) -> None:
    page.locator("#filters summary", has_text=name).click()


def requests_of_list(page: Page) -> list[Request]:
    """Return a list that fills with what the page asks of the list from now on."""
    found: list[Request] = []
    page.on("request", lambda one: urlsplit(one.url).path == "/steps" and found.append(one))
    return found


def test_statuses_are_combined_and_excluded_in_the_form(page: Page) -> None:
    page.goto("/steps")
    open_pick(page, "Status")
    page.get_by_role("checkbox", name="only failed").check()
    page.get_by_role("checkbox", name="only running").check()
    apply(page)
    expect_address(page, "/steps?status=failed&status=running")
    expect_total(page, f"{FAILED + 1} of {ALL}")
    page.get_by_role("link", name="Remove the filter status is running").click()
    expect_address(page, "/steps?status=failed")
    page.get_by_role("link", name="Turn to all but this: status is failed").click()
    expect_address(page, "/steps?status=!failed")
    expect_total(page, f"{ALL - FAILED} of {ALL}")
    expect(page.locator("#status-not-failed")).to_be_checked()
    expect(page.locator("#status-is-failed")).not_to_be_checked()


def test_a_value_is_added_to_those_in_use(page: Page) -> None:
    page.goto("/steps")
    page.get_by_label("Workflow", exact=True).fill("port-scan")
    page.get_by_label("Workflow", exact=True).press("Enter")
    expect_address(page, "/steps?workflow_name=port-scan")
    expect(page.get_by_label("Workflow", exact=True)).to_have_value("")
    page.get_by_label("Workflow", exact=True).fill("nightly")
    page.get_by_label("Workflow", exact=True).press("Enter")
    expect_address(page, "/steps?workflow_name=nightly&workflow_name=port-scan")
    expect(page.locator(".chip .value")).to_have_text(["nightly", "port-scan"])
    page.get_by_role("link", name="clear all").click()
    expect_address(page, "/steps")


def test_a_name_and_a_status_clicked_at_once_both_count(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    page.get_by_label("Step name contains", exact=True).press_sequentially("results")
    page.locator("#status-failed").click()
    expect_address(page, "/steps?status=failed&step_name=results")
    expect_total(page, f"{FAILED} of {ALL}")
    expect(page.get_by_label("Step name contains", exact=True)).to_have_value("results")


def test_what_is_typed_does_not_outlive_its_removal(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps?step_name=results&status=failed")
    page.get_by_label("Step name contains", exact=True).press_sequentially("-more")
    page.get_by_role("link", name="Remove the filter name contains results").click()
    expect_address(page, "/steps?status=failed")
    expect(page.get_by_label("Step name contains", exact=True)).to_have_value("")


def test_enter_asks_once(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    asked = requests_of_list(page)
    page.get_by_label("Workspace", exact=True).fill("example.org")
    page.get_by_label("Workspace", exact=True).press("Enter")
    expect_address(page, "/steps?workspace=example.org")
    page.get_by_label("Step name contains", exact=True).fill("odd")
    page.get_by_label("Step name contains", exact=True).press("Enter")
    expect_address(page, "/steps?workspace=example.org&step_name=odd")
    page.get_by_label("Step name contains", exact=True).press("Tab")
    # What the last key might have asked for would be answered before this.
    page.locator("#status-failed").click()
    expect_address(page, "/steps?workspace=example.org&status=failed&step_name=odd")
    assert len(asked) == 3, [one.url for one in asked]


def test_enter_in_what_is_unfolded_leaves_it_open(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    open_pick(page, "More")
    target = page.get_by_label("Target", exact=True)
    target.fill("example.org")
    target.press("Enter")
    expect_address(page, "/steps?target=example.org")
    expect(target).to_be_visible()
    expect(target).to_be_focused()
    page.get_by_role("heading", name="Steps").click()
    expect(target).to_be_hidden()


def test_what_was_refused_stays_to_be_mended(page: Page) -> None:
    page.goto("/steps")
    open_pick(page, "More")
    least = page.get_by_label("Took at least")
    least.fill("abc")
    least.press("Enter")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("min_duration_ms: 'abc' is no length of time")
    expect(least).to_be_visible()
    expect(least).to_have_value("abc")
    expect(least).to_have_attribute("aria-invalid", "true")
    expect(least).to_have_accessible_description(re.compile("'abc' is no length of time"))
    least.fill("1 s")
    least.press("Enter")
    expect_address(page, "/steps?min_duration_ms=1000")
    expect(notice).to_have_count(0)
    expect(page.locator("[aria-invalid]")).to_have_count(0)


def test_a_page_is_turned_although_something_was_refused(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps?min_duration_ms=abc")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Next page").click()
    expect_address(page, "/steps?offset=20")


def test_values_are_suggested_while_typing(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/runs")
    page.get_by_label("Workflow", exact=True).press_sequentially("recon")
    expect(page.locator("#workflow_name-values option")).to_have_count(1)
    expect(page.locator("#workflow_name-values option")).to_have_attribute("value", "recon-domain")
    expect_address(page, "/runs")


def test_times_are_given_in_the_zone_of_the_reader(make_page: MakePage) -> None:
    page = make_page(timezone_id="Asia/Tokyo")
    page.goto("/steps")
    open_pick(page, "Time")
    page.get_by_label("From, in Asia/Tokyo", exact=True).fill("2026-11-20T09:30")
    page.get_by_label("From, in Asia/Tokyo", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("started_after="))
    assert parse_qs(urlsplit(page.url).query)["started_after"] == ["2026-11-20T00:30:00Z"]
    expect(page.locator(".chip time")).to_have_text("2026-11-20 09:30")
    expect(page.locator(".chip .utc")).to_be_hidden()
    page.reload()
    expect(page.locator("#started_after")).to_have_value("2026-11-20T09:30")
    expect(page.locator(".chip time")).to_have_text("2026-11-20 09:30")
    open_pick(page, "Time")
    page.get_by_role("group", name="Started").get_by_label("last 7 days").check()
    expect_address(page, "/steps?started=7d")
    open_pick(page, "More")
    ended = page.get_by_role("group", name="Ended")
    ended.get_by_label("last 24 h").check()
    expect_address(page, "/steps?started=7d&ended=24h")
    expect(page.locator(".chip", has_text="ended in the last 24 h")).to_be_visible()
    page.get_by_label("Ended before, in Asia/Tokyo").fill("2026-11-20T09:30")
    page.get_by_label("Ended before, in Asia/Tokyo").press("Enter")
    expect_address(page, "/steps?started=7d&ended_before=2026-11-20T00:30:00Z")
    expect(ended.get_by_label("any time")).to_be_checked()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Remove the filter started in the last 7 days").click()
    expect_address(page, "/steps?ended_before=2026-11-20T00:30:00Z")
    expect(page.locator("[name=started]:checked")).to_have_value("")


def test_times_are_utc_and_say_so_without_scripts(make_page: MakePage) -> None:
    page = make_page(java_script_enabled=False, timezone_id="Asia/Tokyo")
    page.goto("/steps")
    open_pick(page, "Time")
    page.get_by_label("From, in UTC", exact=True).fill("2026-11-20T09:30")
    page.get_by_role("button", name="Apply").click()
    expect_address(page, "/steps?started_after=2026-11-20T09:30:00Z")
    expect(page.locator(".chip .value")).to_have_text("2026-11-20 09:30 UTC")
    expect(page.locator(".chip .utc")).to_be_visible()
    expect(page.locator("#started_after")).to_have_value("2026-11-20T09:30")


@pytest.mark.parametrize("fraction", ["5", "123456"])
def test_a_fraction_of_a_time_is_not_lost(page: Page, fraction: str) -> None:
    time = f"2026-11-20T14:00:30.{fraction}Z"
    page.goto(f"/steps?started_after={time}")
    page.get_by_label("Step name contains").fill("scan")
    page.get_by_label("Step name contains").press("Enter")
    expect_address(page, f"/steps?step_name=scan&started_after={time}")


def test_durations_are_said_as_a_person_does(page: Page) -> None:
    page.goto("/steps")
    open_pick(page, "More")
    page.get_by_label("Took at least", exact=True).fill("10s")
    page.get_by_label("Took at least", exact=True).press("Enter")
    expect_address(page, "/steps?min_duration_ms=10000")
    expect(page.get_by_label("Took at least", exact=True)).to_have_value("10 s")
    expect(page.locator(".chip")).to_contain_text("10 s")
    expect(page.locator("tbody .c-duration").first).to_have_text(re.compile("12.4 s|38.0 s"))


def test_the_head_of_a_column_sorts_both_ways(page: Page) -> None:
    page.goto("/steps")
    head = page.get_by_role("columnheader", name="Duration")
    head.get_by_role("link").click()
    expect_address(page, "/steps?sort=-duration_ms")
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(page.locator("tbody .c-duration").first).to_have_text("38.0 s")
    head.get_by_role("link").click()
    expect_address(page, "/steps?sort=duration_ms")
    expect(head).to_have_attribute("aria-sort", "ascending")
    page.locator("#status-failed").click()
    expect_address(page, "/steps?status=failed&sort=duration_ms")


@pytest.mark.parametrize("path", ["/steps", "/runs"])
def test_on_a_phone_every_control_is_within_reach(scripted_page: Page, path: str) -> None:
    page = scripted_page
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(path)
    page.get_by_text("Filters", exact=True).click()
    for name in ("Status", "Time", "More"):
        open_pick(page, name)
        expect(page.locator("details.pick[open] .pop")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_label("Order").select_option("-duration_ms")
    expect_address(page, f"{path}?sort=-duration_ms")


def test_what_is_new_is_said_and_moves_nothing(make_page: MakePage) -> None:
    page = make_page(viewport={"width": 1440, "height": 900})
    page.clock.install()
    page.goto("/steps")
    # As if the last five steps had come since.
    page.evaluate(
        "(address) => document.getElementById('form-state').dataset.news = address",
        f"/new-steps?after={ALL - 5}",
    )
    first = page.locator("#results tbody tr").first
    before = first.bounding_box()
    page.clock.fast_forward(10_000)
    news = page.get_by_role("link", name="5 new steps")
    expect(news).to_be_visible()
    assert first.bounding_box() == before
    page.evaluate("window.untouched = true")
    news.click()
    expect(news).to_have_count(0)
    expect_address(page, "/steps")
    assert page.evaluate("window.untouched"), "the page was loaded anew"
