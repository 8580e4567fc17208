"""axe finds nothing to mend on any page, light or dark, wide or narrow."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, StorageState

from tests.conftest import PASSWORD, make_app
from tests.data import make_run, make_source, make_step, write
from tests.server import PROJECT, running_server
from webapp.models import RunStatus, StepStatus

from .chromium import send_login
from .conftest import TIMEOUT_MS
from .every_page import FRESH, NO_PAGES, PAGES, SIGNED_IN, SIGNED_OUT
from .rows import import_sample

AXE = (PROJECT / "node_modules" / "axe-core" / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async ([inside, options]) => {
    const { violations } = await axe.run(inside, options);
    return violations.flatMap(({ id, nodes }) => nodes.map(
        (node) => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""
# What scrolls sideways within a page: only tables, and texts as they were printed, may.
SIDEWAYS = """() => [...document.querySelectorAll("main *, header *")].filter((element) =>
    element.scrollWidth > element.clientWidth + 1
    && ["auto", "scroll"].includes(getComputedStyle(element).overflowX)
    && !element.closest("table, pre, .output-scroll, input")
).map((element) => element.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Return what imports the real base, and writes a run with odd names and long errors."""

    def write_all(app: Flask) -> None:
        import_sample(app)
        source_id = make_source(app)
        error = "It did not go well.\n" * 100
        run = make_run("odd", workflow_name=" ", status=RunStatus.FAILED, error=error)
        run_id = write(app, [run], source_id=source_id)["odd"]
        failed = {"status": StepStatus.FAILED, "error": error}
        steps = [make_step(run_id, 1, step_name=" ", output="line\n" * 100, **failed)]
        steps.append(make_step(run_id, 2, step_name="\t", module_name="\u3000", command="x\n" * 99))
        write(app, [], steps, source_id=source_id)

    return write_all


@pytest.fixture(scope="module")
def page(browser: Browser, server: str, signed_in: StorageState) -> Iterator[Page]:
    """Return a page in which admin is signed in."""
    context = browser.new_context(base_url=server, storage_state=signed_in)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    yield page
    context.close()


def run_axe(page: Page, inside: str = "html") -> list[str]:
    """Return what axe has to say of a part of the page, in each colour scheme."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        only: Any = {"type": "tag", "values": TAGS}
        if scheme == "dark":  # All that the scheme changes.
            only = {"type": "rule", "values": ["color-contrast"]}
        options = {"runOnly": only, "resultTypes": ["violations"]}
        found += [f"{scheme} {text}" for text in page.evaluate(RUN, [inside, options])]
    return found


def check(page: Page, path: str) -> None:
    """Run axe on a page, wide and as on a phone; see that the narrowest does not scroll."""
    page.set_viewport_size({"width": 1280, "height": 900})
    response = page.goto(path)
    assert response and response.status < 500
    for width in (1280, 390):
        # Nothing that is sent or done at the start depends on the width.
        page.set_viewport_size({"width": width, "height": 900})
        assert run_axe(page) == [], f"{path} at {width} px"
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, f"{path} at 320 px"
    assert page.evaluate(SIDEWAYS) == [], f"{path} at 320 px"


@pytest.mark.parametrize("name", SIGNED_IN)
def test_axe_finds_nothing(page: Page, name: str) -> None:
    check(page, SIGNED_IN[name])


def test_axe_finds_nothing_where_names_are_blank_and_errors_long(page: Page) -> None:
    check(page, "/runs?workflow_name=%20")
    page.goto("/runs?workflow_name=%20")
    page.locator("tbody .name a").first.click()
    run = page.url
    check(page, run)
    page.set_viewport_size({"width": 1280, "height": 900})
    for opener in page.locator("a.peek").all():
        opener.click()
    page.locator(".peek-row").nth(1).wait_for()
    assert run_axe(page) == []
    page.locator("tbody .name a").first.click()
    page.locator("#output").wait_for()
    check(page, page.url)


@pytest.mark.parametrize("name", SIGNED_OUT)
def test_axe_finds_nothing_for_who_is_not_signed_in(
    browser: Browser, server: str, name: str
) -> None:
    context = browser.new_context(base_url=server)
    check(context.new_page(), SIGNED_OUT[name])
    context.close()


def test_axe_finds_nothing_on_a_fresh_install(browser: Browser, sqlite_template: Path) -> None:
    with running_server(f"sqlite:///{sqlite_template}") as server:
        context = browser.new_context(base_url=server)
        send_login(context, server, PASSWORD)
        page = context.new_page()
        for path in FRESH.values():
            check(page, path)
        context.close()


@pytest.mark.parametrize("path", ["/steps?status=failed", "/runs", "/runs/30", "/steps/165"])
def test_axe_finds_nothing_in_what_unfolds(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(path)
    for place in page.locator("details").all():
        place.evaluate("(element) => (element.open = true)")
        # What it covers does not count.
        assert run_axe(page, "details[open]") == []
        place.evaluate("(element) => (element.open = false)")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    assert run_axe(page, "dialog") == []


def test_every_page_stands_in_the_list() -> None:
    rules = make_app("sqlite://").url_map.iter_rules()
    ours = {
        rule.endpoint
        for rule in rules
        if "GET" in (rule.methods or ()) and not rule.endpoint.startswith(("api.", "health."))
    }
    assert ours == PAGES.keys() | NO_PAGES.keys()
