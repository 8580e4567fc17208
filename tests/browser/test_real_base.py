"""The whole journey on the real base, with scripts on and off, to the failing line."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Dialog, Page, expect

from .rows import import_sample


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Return what imports the real base."""
    return import_sample


def total(page: Page) -> str:
    """Return what the pager says of the rows, such as `1–20 of 175`."""
    return page.locator("#results").get_by_text(re.compile(r"\d+–\d+ of [\d,]+")).inner_text()


def test_filter_page_back_forward_and_reload(page: Page) -> None:
    page.goto("/steps")
    assert total(page) == "1–20 of 175"
    page.locator("#results").get_by_role("link", name=re.compile("^failed")).first.click()
    expect(page).to_have_url(re.compile(r"status=failed"))
    expect(page.locator("#results tbody tr")).to_have_count(20)
    page.go_back()
    expect(page.get_by_text("1–20 of 175")).to_be_visible()
    page.get_by_role("link", name=re.compile("^next", re.IGNORECASE)).click()
    expect(page).to_have_url(re.compile(r"offset=20"))
    expect(page.get_by_text("21–40 of 175")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("1–20 of 175")).to_be_visible()
    page.go_forward()
    expect(page.get_by_text("21–40 of 175")).to_be_visible()
    page.reload()
    assert total(page) == "21–40 of 175"


def test_a_run_and_its_failed_step(page: Page) -> None:
    page.goto("/runs")
    page.get_by_role("link", name="port-scan").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("port-scan")
    expect(page.get_by_text("command exited with code 7").first).to_be_visible()
    expect(page.locator("svg[role=img]").first).to_be_visible()
    page.get_by_role("table").get_by_role("link", name="send-results").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("send-results")
    expect(page.get_by_text("command exited with code 7").first).to_be_visible()
    expect(page.get_by_text("connection refused: 127.0.0.1:9200")).to_be_visible()


def test_from_the_front_page_to_the_failing_line_takes_two_clicks(page: Page) -> None:
    page.goto("/steps")
    page.locator("#results").get_by_role("link", name=re.compile("^failed")).first.click()
    expect(page).to_have_url(re.compile(r"status=failed"))
    page.locator("#results tbody").get_by_role("link", name="first-wait").first.click()
    expect(page.get_by_text("context canceled").first).to_be_visible()


def test_hostile_output_is_shown_and_nothing_of_it_runs(page: Page, server: str) -> None:
    dialogs: list[Dialog] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog), dialog.dismiss()))
    page.goto("/steps?step_name=hostile-output")
    page.locator("#results tbody").get_by_role("link", name="hostile-output").first.click()
    output = page.locator("main")
    expect(output).to_contain_text('<script>document.title="pwned"</script>')
    expect(output).to_contain_text("{{ not_a_template }}")
    expect(output).to_contain_text('=HYPERLINK("http://127.0.0.1/","a")')
    assert "pwned" not in page.title()
    assert page.locator("main script, main img, main a[href^=javascript]").count() == 0
    page.goto(f"{server}/steps?step_name=markup")
    name = "name with <b>markup</b> & 'quotes'"
    page.locator("#results tbody").get_by_role("link", name=name).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    assert dialogs == []
