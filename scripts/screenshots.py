"""Take pictures of every page into screenshots/: light, dark and at phone widths."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tests.browser.chromium import launch, log_in  # noqa: E402 - after the path
from tests.browser.every_page import FRESH, SIGNED_IN, SIGNED_OUT  # noqa: E402
from tests.browser.rows import write_rows  # noqa: E402
from tests.conftest import PASSWORD, make_app, migrate_database  # noqa: E402
from tests.server import running_server  # noqa: E402
from webapp.extensions import db  # noqa: E402
from webapp.ingest.demo import import_demo  # noqa: E402

FOLDER = PROJECT / "screenshots"
# Colour scheme, width, height; a phone's picture holds the whole page.
VIEWS = (
    ("light", 1440, 900),
    ("dark", 1440, 900),
    ("light", 1280, 800),
    ("light", 390, 844),
    ("dark", 320, 640),
)
BUSY = {"busy-overview": "/", "busy-steps": "/steps", "busy-runs": "/runs", "busy-run": "/runs/21"}
# The pages of each set of rows that stands in for an install.
SETS = {"demo": SIGNED_IN, "busy": BUSY, "fresh": FRESH}


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.png"):
        path.unlink()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for rows, pages in SETS.items():
            with _served(rows) as base_url:
                for view in VIEWS:
                    take_pictures(browser, base_url, pages, view, with_states=rows == "demo")
        browser.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures are in {FOLDER}.")


def take_pictures(
    browser: Browser,
    base_url: str,
    pages: dict[str, str],
    view: tuple[str, int, int],
    with_states: bool,
) -> None:
    """Take each page in one view; with states, also what opens on a page and what fails."""
    context = _open_context(browser, base_url, view)
    page = context.new_page()
    if with_states:
        for name, path in SIGNED_OUT.items():
            _take(page, path, name, view)
    log_in(page, base_url, PASSWORD)
    for name, path in pages.items():
        _take(page, path, name, view)
    if with_states:
        for name, (path, act) in STATES.items():
            _take(page, path, name, view, act)
    context.close()


def _open_context(browser: Browser, base_url: str, view: tuple[str, int, int]) -> BrowserContext:
    scheme, width, height = view
    return browser.new_context(
        base_url=base_url,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": height},
    )


def _take(
    page: Page,
    path: str,
    name: str,
    view: tuple[str, int, int],
    act: Callable[[Page], None] | None = None,
) -> None:
    """Take one picture; say which page fails, and which scrolls sideways."""
    scheme, width, _ = view
    target = FOLDER / f"{name}-{scheme}-{width}.png"
    response = page.goto(path)
    if response and response.status >= 500:
        print(f"{path} answers {response.status}")
    page.wait_for_load_state("networkidle")
    if act:
        act(page)
    page.screenshot(path=target, full_page=width < 760 and act is None)
    if page.evaluate("document.documentElement.scrollWidth") > width:
        print(f"{target.name} scrolls sideways")


def _open_help(page: Page) -> None:
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()


def _open_menu(page: Page) -> None:
    page.locator(".menu summary").click()


def _open_filters(page: Page) -> None:
    for place in page.locator("#list details").all():
        place.evaluate("(element) => (element.open = true)")


def _fail(page: Page) -> None:
    page.route("**/steps?*", lambda route: route.abort())
    page.get_by_role("link", name="Next page").click()
    page.get_by_role("button", name="Try again").wait_for()
    page.unroute_all()


STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "help": ("/steps", _open_help),
    "menu": ("/steps", _open_menu),
    "filters": ("/steps", _open_filters),
    "fragment-failed": ("/steps", _fail),
}


@contextmanager
def _served(rows: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="stepboard-pictures-") as folder:
        url = f"sqlite:///{folder}/stepboard.sqlite"
        migrate_database(url)
        _fill(url, rows)
        with running_server(url) as base_url:
            yield base_url


def _fill(url: str, rows: str) -> None:
    app = make_app(url)
    if rows == "busy":
        write_rows(app)
    with app.app_context():
        if rows == "demo":
            import_demo(lambda *_: None)
        db.engine.dispose()


if __name__ == "__main__":
    main()
