"""A first load is small, a second one smaller, and nothing moves while it comes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from .conftest import TIMEOUT_MS, Complaints, MakePage, open_page

PAGE_BYTES = 100_000
FRAGMENT_BYTES = 10_000
WATCH = """new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
        window.moved = (window.moved || 0) + (entry.hadRecentInput ? 0 : entry.value);
    }
}).observe({type: 'layout-shift', buffered: true})"""
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@dataclass
class Wire:
    """What came over the wire: bytes with their headers, by address."""

    sizes: dict[str, int] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)


def listen(page: Page) -> Wire:
    """Note every answer, with the size that it had on the wire."""
    wire, urls = Wire(), {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")

    def note_answer(event: dict[str, Any]) -> None:
        # The browser's own pictures of controls come over no wire.
        if event["response"]["url"].startswith("data:"):
            return
        urls[event["requestId"]] = event["response"]["url"]
        headers = event["response"]["headers"]
        wire.headers[event["response"]["url"]] = {k.lower(): v for k, v in headers.items()}

    def note_end(event: dict[str, Any]) -> None:
        if url := urls.get(event["requestId"]):
            wire.sizes[url] = wire.sizes.get(url, 0) + int(event["encodedDataLength"])

    session.on("Network.responseReceived", note_answer)
    session.on("Network.loadingFinished", note_end)
    return wire


def wait_for_icon(page: Page, wire: Wire) -> None:
    """Return once the page's icon has come, which no other wait includes."""
    end = time.monotonic() + TIMEOUT_MS / 1000
    while not any("/static/icon" in url for url in wire.sizes):
        assert time.monotonic() < end, wire.sizes
        page.wait_for_timeout(20)


@pytest.mark.parametrize("path", ["/steps", "/runs", "/"])
def test_a_first_load_is_small_and_a_second_brings_the_page_alone(
    make_page: MakePage, server: str, path: str
) -> None:
    page = make_page()
    wire = listen(page)
    page.goto(path, wait_until="networkidle")
    wait_for_icon(page, wire)
    assert f"{server}{path}" in wire.sizes
    assert len(wire.sizes) >= 6, wire.sizes
    assert sum(wire.sizes.values()) <= PAGE_BYTES, wire.sizes
    for url, headers in wire.headers.items():
        if "/static/" in url:
            assert "immutable" in headers["cache-control"], url
        if not url.startswith(f"{server}/static/icon"):
            assert headers["content-encoding"] in ("zstd", "br", "gzip"), url
    again = listen(page)
    page.goto(path, wait_until="networkidle")
    fetched = [url for url, size in again.sizes.items() if size]
    assert not [url for url in fetched if "/static/" in url]


@pytest.mark.parametrize("path", ["/steps", "/runs"])
def test_a_fragment_is_small(make_page: MakePage, server: str, path: str) -> None:
    page = make_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    wire = listen(page)
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".range")).to_contain_text("21–")
    page.wait_for_load_state("networkidle")
    url = f"{server}{path}?offset=20"
    assert 0 < wire.sizes[url] <= FRAGMENT_BYTES, wire.sizes
    assert wire.headers[url]["content-encoding"] in ("zstd", "br")


@pytest.fixture(scope="module")
def watched(browser: Browser, server: str, complaints: Complaints) -> Iterator[Page]:
    """Return a page in which every page that comes watches what moves."""
    context = browser.new_context(base_url=server, timezone_id="Asia/Tokyo")
    page = open_page(context, complaints)
    page.add_init_script(WATCH)
    yield page
    context.close()


@pytest.mark.parametrize("path", ["/steps", "/runs", "/", "/runs/20", "/steps/2", "/login"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_while_a_page_comes(
    watched: Page, signed_in: StorageState, complaints: Complaints, path: str, width: int
) -> None:
    complaints.texts.clear()
    watched.set_viewport_size({"width": width, "height": 800})
    watched.context.clear_cookies()
    if path != "/login":
        watched.context.add_cookies(signed_in["cookies"])  # type: ignore[arg-type]
    watched.goto(path)
    # A machine at its limit may paint half a row; what moves by itself does so each time.
    assert any(measure_shift(watched) == 0 for _ in range(3))
    assert urlsplit(watched.url).path == path
    assert complaints.texts == []


def measure_shift(page: Page) -> float:
    """Return how much moves while the page comes once more."""
    page.reload()
    page.wait_for_load_state("networkidle")
    page.evaluate(TWO_FRAMES)
    return float(page.evaluate("window.moved || 0"))
