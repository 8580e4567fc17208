"""Take pictures of every page into screenshots/: the demo in light, dark and at phone widths."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tests.browser.chromium import launch, log_in  # noqa: E402 - after the path
from tests.browser.rows import write_rows  # noqa: E402
from tests.conftest import PASSWORD, make_app, migrate_database  # noqa: E402
from tests.server import running_server  # noqa: E402
from webapp.extensions import db  # noqa: E402
from webapp.filters import RunFilters, StepFilters  # noqa: E402
from webapp.ingest.demo import import_demo  # noqa: E402
from webapp.queries.runs import find_runs  # noqa: E402
from webapp.queries.steps import LIST_COLUMNS, find_steps  # noqa: E402

FOLDER = PROJECT / "screenshots"
# Colour scheme, width, height; a phone's picture holds the whole page.
VIEWS = (("light", 1440, 900), ("dark", 1440, 900), ("light", 390, 844), ("dark", 320, 640))
LISTS = {
    "steps": "/steps",
    "steps-failed": "/steps?status=failed",
    "steps-filtered": "/steps?status=completed&step_type=bash&step_name=scan",
    "steps-no-match": "/steps?status=pending",
    "steps-bad-filter": "/steps?status=nope&run_id=x",
    "runs": "/runs",
    "runs-failed": "/runs?status=failed",
    "not-found": "/nowhere",
}


def main() -> None:
    """Take all pictures of the demo and of the sets that stand beside it."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name in ("demo", "busy", "fresh"):
            with _served(name) as (base_url, pages):
                take_pictures(browser, base_url, pages, "" if name == "demo" else f"{name}-")
        browser.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures are in {FOLDER}.")


def take_pictures(browser: Browser, base_url: str, pages: dict[str, str], prefix: str) -> None:
    """Take each page in each view; say which one scrolls sideways."""
    for scheme, width, height in VIEWS:
        context = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": height},
        )
        page = context.new_page()
        page.goto(f"{base_url}/login")
        page.screenshot(path=FOLDER / f"{prefix}login-{scheme}-{width}.png")
        log_in(page, base_url, PASSWORD)
        for name, path in pages.items():
            page.goto(base_url + path)
            page.wait_for_load_state("networkidle")
            target = FOLDER / f"{prefix}{name}-{scheme}-{width}.png"
            page.screenshot(path=target, full_page=width < 760)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                print(f"{target.name} scrolls sideways")
        context.close()


@contextmanager
def _served(rows: str) -> Iterator[tuple[str, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="stepboard-pictures-") as folder:
        url = f"sqlite:///{folder}/stepboard.sqlite"
        migrate_database(url)
        pages = _fill(url, rows)
        with running_server(url) as base_url:
            yield base_url, pages


def _fill(url: str, rows: str) -> dict[str, str]:
    """Write the rows of a set; return the pages that are worth a picture."""
    app = make_app(url)
    if rows == "busy":
        write_rows(app)
    with app.app_context():
        if rows == "demo":
            import_demo(lambda *_: None)
            pages = LISTS | _details()
        else:
            pages = LISTS if rows == "busy" else {"steps": "/steps", "runs": "/runs"}
        db.engine.dispose()
    return pages


def _details() -> dict[str, str]:
    runs = {f"run-{run.status}": f"/runs/{run.id}" for run in find_runs(RunFilters(limit=500))}
    steps = find_steps(StepFilters(limit=500), LIST_COLUMNS)
    kinds = {f"step-{step.status}": f"/steps/{step.id}" for step in steps}
    odd = next(step.id for step in steps if step.step_name == "hostile-output")
    return {**runs, **kinds, "step-odd": f"/steps/{odd}"}


if __name__ == "__main__":
    main()
