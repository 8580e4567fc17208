"""The overview in a real browser: from what failed, from a bar, from a group to what it means."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import MakePage

REFUSED = "exit 7 - connection refused: 127.0.0.1:9200"


def panel(page: Page, title: str) -> Locator:
    """Return one part of the overview."""
    return page.get_by_role("region", name=title)


def test_the_newest_failure_is_one_click_from_its_output(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_title("Overview · Stepboard")
    failures = panel(page, "Failed in the last 24 h")
    newest = failures.get_by_role("listitem").first
    expect(newest.locator(".line")).to_have_text(REFUSED)
    newest.get_by_role("link", name="send-results").click()
    expect(page).to_have_url(re.compile(r"/steps/\d+$"))
    expect(page.locator("#output")).to_contain_text("connection refused: 127.0.0.1:9200")


def test_a_number_a_group_and_a_bar_lead_to_as_many_rows(page: Page) -> None:
    page.goto("/")
    panel(page, "Failed in the last 24 h").get_by_role("link", name="6 steps").click()
    expect(page.locator("tbody tr")).to_have_count(6)

    page.goto("/")
    panel(page, "Failing alike").get_by_role("link", name=re.compile("^6")).click()
    expect(page.locator("tbody tr")).to_have_count(6)

    page.goto("/")
    bar = panel(page, "Runs per day").locator(".plot a:has(.fill-failed)").last
    said = bar.locator("title").text_content() or ""
    bar.click()
    expect(page).to_have_url(re.compile(r"/runs\?status=failed&started_after=.*T00%3A00%3A00Z"))
    expect(page.locator("tbody tr")).to_have_count(int(said.split()[0]))


def test_the_figures_of_the_bars_are_reached_by_keyboard(page: Page) -> None:
    page.goto("/")
    runs = panel(page, "Runs per day")
    runs.get_by_text("The figures").focus()
    page.keyboard.press("Enter")
    numbers = runs.get_by_role("table").get_by_role("link")
    expect(numbers.first).to_be_visible()
    page.keyboard.press("Tab")
    expect(numbers.first).to_be_focused()
    count = int(numbers.first.inner_text())
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(count)


@pytest.mark.parametrize("width", [320, 390, 1240, 1440])
def test_nothing_scrolls_sideways_and_the_top_bar_stays_in_line(
    scripted_page: Page, width: int
) -> None:
    page = scripted_page
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/workflows", "/failure-groups", "/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    boxes = [page.locator(f".topbar {part}").bounding_box() for part in (".brand", "nav", ".menu")]
    middles = [box["y"] + box["height"] / 2 for box in boxes if box]
    assert len(middles) == 3 and max(middles) - min(middles) < 4


@pytest.mark.parametrize("width", [1280, 1440, 1600])
def test_names_of_usual_length_are_not_cut(scripted_page: Page, width: int) -> None:
    page = scripted_page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/")
    names = page.locator(":is(.t-workflows, .t-slow) td.c-name:visible")
    texts = names.all_inner_texts()
    cut = names.evaluate_all("(cells) => cells.map((cell) => cell.scrollWidth > cell.clientWidth)")
    assert texts and not any(
        is_cut for text, is_cut in zip(texts, cut, strict=True) if len(text) <= 20
    )


def test_the_time_of_the_overview_is_that_of_the_reader(make_page: MakePage) -> None:
    page = make_page(timezone_id="Asia/Kolkata")
    page.goto("/")
    time = page.locator(".list-head time")
    shown, utc = time.inner_text(), (time.get_attribute("title") or "").splitlines()[-1]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", shown)
    assert (int(shown[3:5]) - int(utc[14:16])) % 60 == 30
    expect(page.locator(".list-head .utc")).to_be_hidden()
    plain = make_page(java_script_enabled=False)
    plain.goto("/")
    expect(plain.locator(".list-head .total")).to_have_text(
        re.compile(r"updated at \d\d:\d\d:\d\d UTC")
    )
