"""Fixtures of the browser tests: one Chromium for the session, and servers with rows.

To start a server, a page or a login takes seconds each, so they are shared where that is sound: the
modules that only read look at one server, and a test gets the page of the test before, made as new.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    StorageState,
    expect,
    sync_playwright,
)

from tests.conftest import PASSWORD, make_app
from tests.server import running_server
from webapp.extensions import db

from .chromium import launch, send_login
from .rows import write_rows

MakePage = Callable[..., Page]
Fill = Callable[[Flask], None]
# Only how long a failure waits: a shared machine can be slow.
TIMEOUT_MS = 30_000
WINDOW = {"width": 1280, "height": 720}
FORGET = "() => { localStorage.clear(); sessionStorage.clear(); }"


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


def make_filled(template: Path, folder: Path, fill: Fill) -> Flask:
    """Return an application over a new database with rows."""
    path = folder / "stepboard.sqlite"
    shutil.copy(template, path)
    app = make_app(f"sqlite:///{path}")
    fill(app)
    with app.app_context():
        db.engine.dispose()
    return app


@pytest.fixture(scope="session")
def usual_server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the usual rows to all that only read them; yield the base URL."""
    app = make_filled(sqlite_template, tmp_path_factory.mktemp("browser"), write_rows)
    with running_server(app.config["SQLALCHEMY_DATABASE_URI"]) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def fill() -> Fill | None:
    """Return what writes the rows of a module that has its own server; the others have None."""
    return None


@pytest.fixture(scope="module")
def served_app(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, fill: Fill
) -> Flask:
    """Return an application over the database that the server serves, to write to meanwhile."""
    return make_filled(sqlite_template, tmp_path_factory.mktemp("browser"), fill)


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, fill: Fill | None) -> Iterator[str]:
    """Serve a database with rows; yield the base URL."""
    if fill is None:
        yield request.getfixturevalue("usual_server")
        return
    app: Flask = request.getfixturevalue("served_app")
    with running_server(app.config["SQLALCHEMY_DATABASE_URI"]) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def signed_in(browser: Browser, server: str) -> StorageState:
    """Sign admin in once; return the cookies."""
    context = browser.new_context()
    send_login(context, server, PASSWORD)
    state = context.storage_state()
    context.close()
    return state


class Complaints:
    """What the consoles of pages said of errors, but for what begins as one of those expected."""

    def __init__(self, *expected: str) -> None:
        """Begin with none."""
        self.texts: list[str] = []
        self._expected = expected

    def listen(self, page: Page) -> None:
        """Note what a page complains of from now on."""
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.texts.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        is_expected = message.text.startswith(self._expected)
        if message.type in ("error", "warning") and not is_expected:
            self.texts.append(message.text)


@pytest.fixture(scope="module")
def complaints() -> Complaints:
    """Return what notes the complaints of all pages of a module."""
    return Complaints()


def open_page(context: BrowserContext, complaints: Complaints) -> Page:
    """Open a page whose complaints are noted."""
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    complaints.listen(page)
    return page


@pytest.fixture
def make_page(
    browser: Browser, server: str, signed_in: StorageState, complaints: Complaints
) -> Iterator[MakePage]:
    """Return what opens a page in a fresh profile, in which admin is signed in.

    A console message fails the test at its end.
    """
    contexts = []

    def make(**options: object) -> Page:
        options = {"base_url": server, "storage_state": signed_in, **options}
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        return open_page(context, complaints)

    complaints.texts.clear()
    yield make
    for context in contexts:
        context.close()
    assert complaints.texts == []


@contextmanager
def kept_page(
    browser: Browser, server: str, complaints: Complaints, has_scripts: bool
) -> Iterator[Page]:
    """Open a page for the tests of a module, one after the other."""
    context = browser.new_context(base_url=server, java_script_enabled=has_scripts)
    yield open_page(context, complaints)
    context.close()


@pytest.fixture(scope="module")
def kept_with_scripts(browser: Browser, server: str, complaints: Complaints) -> Iterator[Page]:
    """Keep a page with JavaScript on."""
    with kept_page(browser, server, complaints, True) as page:
        yield page


@pytest.fixture(scope="module")
def kept_without_scripts(browser: Browser, server: str, complaints: Complaints) -> Iterator[Page]:
    """Keep a page with JavaScript off."""
    with kept_page(browser, server, complaints, False) as page:
        yield page


@contextmanager
def as_new(page: Page, signed_in: StorageState, complaints: Complaints) -> Iterator[Page]:
    """Lend a page in which admin is signed in; forget afterwards what was done in it.

    What a test adds to the profile for good (a clock, a script of each page) needs `make_page`.
    """
    page.context.clear_cookies()
    page.context.add_cookies(signed_in["cookies"])  # type: ignore[arg-type]
    page.set_viewport_size(WINDOW)  # type: ignore[arg-type]
    complaints.texts.clear()
    yield page
    page.unroute_all()
    page.mouse.move(0, 0)
    if page.url.startswith("http"):
        page.evaluate(FORGET)
    assert complaints.texts == []


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(
    request: pytest.FixtureRequest, signed_in: StorageState, complaints: Complaints
) -> Iterator[Page]:
    """Return a page with JavaScript on, then off."""
    name = "kept_with_scripts" if request.param else "kept_without_scripts"
    with as_new(request.getfixturevalue(name), signed_in, complaints) as page:
        yield page


@pytest.fixture
def scripted_page(
    kept_with_scripts: Page, signed_in: StorageState, complaints: Complaints
) -> Iterator[Page]:
    """Return a page with JavaScript on."""
    with as_new(kept_with_scripts, signed_in, complaints) as page:
        yield page
