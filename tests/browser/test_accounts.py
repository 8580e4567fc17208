"""The life of a user and of a token in a real browser, and a base that is imported again."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from .conftest import MakePage
from .rows import import_sample

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NEW_PASSWORD = "a password of eve's own"


@pytest.fixture(scope="module")
def fill() -> Callable[[Flask], None]:
    """Return what imports the real base."""
    return import_sample


def ask(server: str, token: str) -> int:
    """Return the status of the API's answer to a token; a good answer has rows."""
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{server}/osm/api/step-results?limit=1", headers=headers)
    try:
        with _opener.open(request, timeout=30) as response:
            assert len(json.load(response)["data"]) == 1
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def choose(page: Page, link: str) -> None:
    """Choose something in the user's menu."""
    page.locator("header summary").click()
    page.locator("header").get_by_role("link", name=link).click()


def add_user(page: Page, name: str) -> str:
    """Add a user in the browser of an admin; return the password that is shown once."""
    choose(page, "Users")
    form = page.get_by_role("main")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_role("button", name="Add the user").click()
    once = page.get_by_role("region", name=f"The password of {name}")
    expect(once).to_be_focused()
    return once.locator("code").inner_text()


def sign_in(page: Page, server: str, name: str, password: str) -> None:
    page.goto(f"{server}/login?next=/steps")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/steps")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_from_a_new_user_to_a_revoked_token(
    make_page: MakePage, server: str, scripts: bool
) -> None:
    name = "eve" if scripts else "adam"
    admin = make_page(java_script_enabled=scripts)
    admin.goto("/steps")
    password = add_user(admin, name)

    page = make_page(java_script_enabled=scripts, storage_state=None)
    sign_in(page, server, name, password)
    page.locator("header summary").click()
    expect(page.locator("header").get_by_role("link", name="Users")).to_have_count(0)
    page.locator("header").get_by_role("link", name="Change password").click()
    page.get_by_label("Old password").fill(password)
    page.get_by_label("New password", exact=True).fill("too short")
    page.get_by_label("New password again").fill("too short")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_label("New password", exact=True)).to_be_focused()
    expect(page.get_by_label("New password", exact=True)).to_have_accessible_description(
        re.compile("A password must have at least 12 characters; this one has 9.")
    )
    page.get_by_label("Old password").fill(password)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password again").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()

    choose(page, "Tokens")
    expect(page.get_by_role("heading", name="No tokens yet")).to_be_visible()
    page.get_by_role("main").get_by_label("Name", exact=True).fill("nightly report")
    page.get_by_role("button", name="Make the token").click()
    once = page.get_by_role("region", name="Made the token nightly report")
    expect(once).to_be_focused()
    token = once.locator("code").first.inner_text()
    assert token not in page.url
    row = page.get_by_role("row", name=re.compile("nightly report"))
    expect(row).to_contain_text("never")

    assert ask(server, token) == 200
    page.goto(f"{server}/tokens")
    expect(page.get_by_text(token)).to_have_count(0)
    expect(row.locator("time")).to_have_count(3)

    row.get_by_text("Revoke…").click()
    row.get_by_role("button", name="Yes, revoke it").click()
    expect(page.get_by_text("Revoked nightly report")).to_be_visible()
    expect(page.get_by_role("heading", name="No tokens yet")).to_be_visible()
    assert ask(server, token) == 401


def test_the_last_day_is_asked_for_only_when_it_is_read(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/tokens")
    day = page.get_by_label("Its last day")
    expect(day).to_be_hidden()
    page.get_by_label("It expires").select_option("on a date")
    expect(day).to_be_visible()


def test_the_demo_is_imported_again_while_one_looks_on(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/sources")
    found = page.get_by_text("What the last import found")
    found.click()
    expect(page.get_by_text("175, all new")).to_be_visible()
    page.get_by_role("button", name="Import again").click()
    page.wait_for_url("**/sources")
    expect(page.get_by_role("status").filter(has_text="the import has ended")).to_have_count(1)
    expect(page.get_by_role("button", name="Import again")).to_be_visible()
    expect(page.locator("[hx-trigger]")).to_have_count(0)
    found.click()
    expect(page.get_by_text("175, all as they were")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_scrolls_sideways_on_a_phone(scripted_page: Page, width: int) -> None:
    page = scripted_page
    page.set_viewport_size({"width": width, "height": 700})
    page.goto("/tokens")
    page.get_by_role("main").get_by_label("Name", exact=True).fill(f"{'long-' * 15}{width}")
    page.get_by_role("button", name="Make the token").click()
    for path in ("", "/tokens?user_id=all", "/users", "/users/1", "/account/password", "/sources"):
        if path:
            page.goto(path)
        too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not too_wide, path
