"""The keys of the pages, pressed in a real browser; the help names those that work."""

import re

from playwright.sync_api import Page, expect

from .conftest import MakePage
from .test_lists import expect_address


def help_of(page: Page) -> dict[str, str]:
    """Open the help, read it, and close it again."""
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys on this page")
    keys = dialog.locator("dt").all_inner_texts()
    says = dialog.locator("dd").all_inner_texts()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    return dict(zip(keys, says, strict=True))


def test_keys_move_through_the_rows_and_open_one(scripted_page: Page, server: str) -> None:
    page = scripted_page
    page.goto("/steps")
    names = page.locator("#results tbody .name a:first-child")
    for key, row in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0), ("j", 1)):
        page.keyboard.press(key)
        expect(names.nth(row)).to_be_focused()
    for _ in range(25):
        page.keyboard.press("j")
    expect(names.last).to_be_focused()
    expect(names.last).to_be_in_viewport()
    mark = page.locator("tbody tr").last.evaluate("row => getComputedStyle(row).boxShadow")
    assert "inset" in mark
    address = names.last.get_attribute("href")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server}{address}")


def test_keys_move_through_the_failures_of_the_overview(scripted_page: Page, server: str) -> None:
    page = scripted_page
    page.goto("/")
    links = page.locator(".failures [data-row] a.name")
    for row in (0, 1):
        page.keyboard.press("j")
        expect(links.nth(row)).to_be_focused()
    address = links.nth(1).get_attribute("href")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server}{address}")


def test_keys_turn_the_pages_of_a_list_and_go_on_in_it(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    page.evaluate("window.untouched = true")
    page.keyboard.press("n")
    expect_address(page, "/steps?offset=20")
    expect(page.get_by_role("table")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("#results tbody .name a").first).to_be_focused()
    page.keyboard.press("p")
    expect_address(page, "/steps")
    expect(page.get_by_role("table")).to_be_focused()
    page.keyboard.press("p")
    expect_address(page, "/steps")
    assert page.evaluate("window.untouched"), "the page was loaded anew"


def test_keys_go_from_step_to_step_and_to_the_lists(scripted_page: Page, server: str) -> None:
    page = scripted_page
    page.goto("/steps/2")
    for keys, path in (
        ("n", "/steps/3"),
        ("p", "/steps/2"),
        ("gr", "/runs"),
        ("gs", "/steps"),
        ("go", "/"),
        ("gxr", "/"),
        ("ggr", "/runs"),
    ):
        for key in keys:
            page.keyboard.press(key)
        expect(page).to_have_url(f"{server}{path}")
        page.wait_for_load_state()  # Not before it do the keys of the next page work.


def test_a_slash_goes_to_the_search_where_keys_are_letters(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/runs")
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Find steps by name")
    expect(search).to_be_focused()
    page.keyboard.type("gs?jn/")
    expect(search).to_have_value("gs?jn/")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/steps\?step_name=gs%3Fjn%2F$"))


def test_keys_of_the_browser_stay_its_own(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    for key in ("Control+j", "Alt+n", "Meta+/", "Control+?"):
        page.keyboard.press(key)
    expect(page.locator("tbody a:focus, input:focus, dialog")).to_have_count(0)
    expect_address(page, "/steps")


def test_the_help_shows_what_works_here(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    places = {"g o": "Overview", "g r": "Runs", "g s": "Steps", "?": "This help"}
    rows = {"j": "Next row", "k": "Row before", "Enter": "Open the row"}
    search = {"/": "Find steps by name"}
    assert help_of(page) == search | rows | {"n": "Next page"} | places
    page.keyboard.press("n")
    expect_address(page, "/steps?offset=20")
    expect(page.get_by_role("table")).to_be_focused()
    assert help_of(page).keys() >= {"n", "p"}
    page.goto("/steps?status=pending")
    assert help_of(page) == search | places
    page.goto("/runs?offset=20")
    assert "n" not in help_of(page)
    page.goto("/runs/20")
    assert help_of(page)["n"].startswith("The next run of ")


def test_a_key_counts_while_the_focus_is_still_in_a_closed_dialog(scripted_page: Page) -> None:
    """On a busy machine a key right after Escape was lost."""
    page = scripted_page
    page.goto("/steps")
    page.evaluate(
        """() => {
            const dialog = document.createElement("dialog");
            dialog.append(document.createElement("button"));
            document.body.append(dialog);
            const press = new KeyboardEvent("keydown", { key: "n", bubbles: true });
            dialog.firstChild.dispatchEvent(press);
        }"""
    )
    expect_address(page, "/steps?offset=20")


def test_the_help_takes_the_focus_and_gives_it_back(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    page.keyboard.press("j")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys on this page")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    for _ in range(4):
        page.keyboard.press("Tab")
        # After the last one comes the browser itself.
        expect(page.locator("main :focus, header :focus, footer :focus")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.locator("#results tbody .name a").first).to_be_focused()
    button = page.get_by_role("button", name="Keyboard shortcuts")
    button.click()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def test_the_keys_can_be_turned_off_for_good(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Use these keys in this browser").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    for key in ("j", "/", "?", "n"):
        page.keyboard.press(key)
    expect(page.locator("tbody a:focus, input:focus, dialog")).to_have_count(0)
    expect_address(page, "/steps")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Use these keys in this browser").check()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Find steps by name")).to_be_focused()


def test_without_scripts_nothing_is_said_of_keys(make_page: MakePage) -> None:
    page = make_page(java_script_enabled=False)
    page.goto("/steps")
    expect(page.get_by_role("button", name="Keyboard shortcuts")).to_have_count(0)
    expect(page.locator(".search kbd")).to_be_hidden()


def test_a_chip_taken_off_leaves_the_focus_at_the_others(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps?status=failed&step_type=bash")
    for left in (True, False):
        page.locator(".chips a[aria-label^='Remove the filter']").first.press("Enter")
        if left:
            expect(page).not_to_have_url(re.compile("status="))
            expect(page.locator(".chips a").first).to_be_focused()
        else:
            expect_address(page, "/steps")
            expect(page.get_by_role("table")).to_be_focused()


def test_the_new_total_is_spoken(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/steps")
    live = page.get_by_role("status").filter(has_text="115")
    expect(live).to_have_count(1)
    live.evaluate("(element) => (window.live = element)")
    page.get_by_role("link", name=re.compile("^failed")).first.click()
    expect(page.locator("#total")).to_contain_text("6 of 115")
    assert page.evaluate("window.live.isConnected && window.live.textContent.includes('6')")
    expect(page.get_by_role("link", name=re.compile("^failed")).first).to_be_focused()
