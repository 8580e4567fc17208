"""Under a path prefix, in a real browser: filter, open a step, go back."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page, Request, expect

from tests.server import running_server

from .rows import import_sample

PREFIX = "/stepboard"


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Return what imports the real base."""
    return import_sample


@pytest.fixture(scope="module")
def server(served_app: Flask) -> Iterator[str]:
    """Serve the base under a prefix; yield its address."""
    database_url = served_app.config["SQLALCHEMY_DATABASE_URI"]
    with running_server(database_url, STEPBOARD_URL_PREFIX=PREFIX) as base_url:
        yield base_url


def test_filter_open_a_step_peek_and_back(scripted_page: Page, server: str) -> None:
    page = scripted_page
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one))
    page.goto(f"{server}/steps")
    page.locator("#filters [name=step_name]").fill("hostile-output")
    expect(page).to_have_url(f"{server}/steps?step_name=hostile-output")
    page.locator("#results tbody").get_by_role("link", name="hostile-output").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("hostile-output")
    page.go_back()
    expect(page).to_have_url(f"{server}/steps?step_name=hostile-output")
    expect(page.locator("#results tbody tr").first).to_contain_text("hostile-output")
    page.goto(f"{server}/runs")
    page.locator("#results tbody").get_by_role("link", name="port-scan").first.click()
    # Before its script has run it is a link.
    page.locator(".peek[role=button]").first.click()
    expect(page.locator(".peek-row")).to_be_visible()
    paths = {urlsplit(one.url).path for one in asked}
    assert [path for path in paths if not path.startswith(f"{PREFIX}/")] == []
