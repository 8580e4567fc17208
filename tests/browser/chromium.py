"""Start the system's Chromium; a missing one is a failure, never a skip."""

import re

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

EXECUTABLE = "/usr/bin/chromium"
# No graphics card, no sandbox inside a container, and no calls home.
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch(playwright: Playwright) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)


def log_in(page: Page, base_url: str, password: str, path: str = "/steps") -> None:
    """Sign admin in as a person does, and stay at a path."""
    page.goto(f"{base_url}/login?next={path}")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**{path}")


def send_login(context: BrowserContext, base_url: str, password: str) -> None:
    """Sign admin in as the form of the login would, where the login is not what is looked at."""
    address = f"{base_url}/login"
    token = re.search(r'name="csrf_token" value="([^"]+)"', context.request.get(address).text())
    assert token
    values = {"csrf_token": token[1], "username": "admin", "password": password}
    answer = context.request.post(address, form=values, max_redirects=0)
    assert answer.status == 302, answer.text()
