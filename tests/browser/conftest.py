"""Fixtures of the browser tests: one Chromium for the session, a server for each module."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import make_app
from tests.server import running_server
from webapp.extensions import db

from .chromium import launch
from .rows import write_rows

MakePage = Callable[..., Page]
# Only how long a failure waits: a shared machine can be slow.
TIMEOUT_MS = 30_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Chromium for the session; a missing one is a failure."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Return what writes the rows that the server shows; a module may bring its own."""
    return write_rows


@pytest.fixture(scope="module")
def served_app(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    fill: Callable[[Flask], None],
) -> Flask:
    """Return an application over the database that the server serves, to write to meanwhile."""
    path = tmp_path_factory.mktemp("browser") / "stepboard.sqlite"
    shutil.copy(sqlite_template, path)
    app = make_app(f"sqlite:///{path}")
    fill(app)
    with app.app_context():
        db.engine.dispose()
    return app


@pytest.fixture(scope="module")
def server(served_app: Flask) -> Iterator[str]:
    """Serve a database with rows; yield the base URL."""
    with running_server(served_app.config["SQLALCHEMY_DATABASE_URI"]) as base_url:
        yield base_url


@pytest.fixture
def make_page(browser: Browser, server: str) -> Iterator[MakePage]:
    """Return what opens a page in a fresh profile; a console message fails the test at its end."""
    contexts = []
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def make(**options: object) -> Page:
        context = browser.new_context(base_url=server, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(request: pytest.FixtureRequest, make_page: MakePage) -> Page:
    """Return a page with JavaScript on, then off."""
    return make_page(java_script_enabled=request.param)


@pytest.fixture
def scripted_page(make_page: MakePage) -> Page:
    """Return a page with JavaScript on."""
    return make_page()
