"""Times stand in the reader's zone; the exact one in UTC is never away."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from .conftest import MakePage

TOKYO = "Asia/Tokyo"
UTC_TITLE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC"


def in_tokyo(page: Page, text: str) -> str:
    """Return what the browser makes of an exact time."""
    return str(
        page.evaluate(
            "(text) => new Date(text).toLocaleTimeString('en-GB', {timeZone: 'Asia/Tokyo'})", text
        )
    )


def test_times_are_in_the_zone_of_the_reader(make_page: MakePage) -> None:
    page = make_page(timezone_id=TOKYO)
    page.goto("/steps")
    expect(page.locator(".foot")).to_contain_text("Times are in Asia/Tokyo.")
    for time in page.locator("#results time").all():
        exact = time.get_attribute("datetime") or ""
        title = time.get_attribute("title") or ""
        assert datetime.fromisoformat(exact).utcoffset() == UTC.utcoffset(None)
        assert re.search(rf"Asia/Tokyo\n{UTC_TITLE}$", title)
        assert f" {in_tokyo(page, exact)}." in title.splitlines()[0]
        assert exact[:19].replace("T", " ") in title.splitlines()[1]


def test_the_clock_of_details_is_the_reader_s(make_page: MakePage) -> None:
    page = make_page(timezone_id=TOKYO)
    page.goto("/steps/2")
    clock = page.locator("time.clock").first
    exact = clock.get_attribute("datetime") or ""
    expect(clock).to_have_text(re.compile(f"^{in_tokyo(page, exact)}\\."))


def test_times_are_in_utc_without_scripts_and_the_page_says_so(make_page: MakePage) -> None:
    page = make_page(java_script_enabled=False, timezone_id=TOKYO)
    page.goto("/steps/2")
    expect(page.locator(".foot")).to_contain_text("Times are in UTC.")
    clock = page.locator("time.clock").first
    assert (clock.get_attribute("datetime") or "")[11:23] == clock.inner_text()
    assert re.fullmatch(UTC_TITLE, clock.get_attribute("title") or "")


@pytest.mark.parametrize("zone", [TOKYO, "America/St_Johns"])
def test_what_htmx_brings_is_in_the_zone_too(make_page: MakePage, zone: str) -> None:
    page = make_page(timezone_id=zone)
    page.goto("/steps")
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".range")).to_contain_text("21–40")
    for time in page.locator("#results time").all():
        expect(time).to_have_attribute("title", re.compile(rf" {zone}\n"))
    # Out of band, as a part that stands elsewhere on the page.
    page.route(
        "**/part",
        lambda route: route.fulfill(
            content_type="text/html",
            body='<span id="total" hx-swap-oob="innerHTML"><time class="when" title="x"'
            ' datetime="2020-01-01T12:00:00.000Z">Jan 1 2020</time></span><p></p>',
        ),
    )
    page.evaluate("void htmx.ajax('GET', '/part', {target: '.as-json'})")
    expect(page.locator("#total time")).to_have_attribute("title", re.compile(rf" {zone}\nx$"))


def test_how_long_ago_stays_true_while_the_page_is_open(make_page: MakePage) -> None:
    page = make_page()
    page.clock.install()
    page.goto("/steps")
    # Young enough to be told in minutes, though the server may have run for half an hour.
    time = page.locator("#results tbody tr").nth(8).locator("time.when").first
    before = time.inner_text()
    assert re.fullmatch(r"\d\d min ago", before)
    page.clock.fast_forward("05:00")
    expect(time).to_have_text(f"{int(before.split()[0]) + 5} min ago")
    page.clock.fast_forward("24:00:00")
    expect(time).to_have_text(re.compile(r"^[A-Z][a-z]{2} \d+ \d\d:\d\d$"))
