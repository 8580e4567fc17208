"""Behind proxies and under a path prefix: every address leads where the reader can go."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from webapp import create_app
from webapp.config import Settings
from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base
from webapp.ingest.sample import unpacked_sample
from webapp.security import HEADERS

from .conftest import PASSWORD, SECRET_KEY

PREFIX = "/stepboard"
SITE = "https://steps.example:8443"
TOOLS = "/tools/stepboard"
ADDRESSES = ("href", "src", "action", "formaction", "data-url", "data-news")
FORWARDED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "steps.example:8443",
    "X-Forwarded-Prefix": TOOLS,
}


class Addresses(HTMLParser):
    """Collect all addresses of a page, and those that can be asked for."""

    def __init__(self, html: str) -> None:
        """Read the page."""
        super().__init__()
        self.found: list[str] = []
        self.readable: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses of one element."""
        values = dict(attrs)
        for name, value in attrs:
            if value and (name in ADDRESSES or re.match("hx-(get|post|push-url=/)", name)):
                self.found.append(value)
                if name != "hx-post" and values.get("method") != "post":
                    self.readable.append(value)


def make_app_of(database_url: str, **settings: object) -> Flask:
    """Make an application with these settings beside the needed ones."""
    given = Settings(SECRET_KEY, database_url, **settings)  # type: ignore[arg-type]
    return create_app(given, TESTING=True)


@pytest.fixture(scope="module")
def sample_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of an SQLite database with the imported sample."""
    path = tmp_path_factory.mktemp("serving") / "stepboard.sqlite"
    path.write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{path}"
    app = make_app_of(url)
    with app.app_context(), unpacked_sample() as sample:
        import_base(sample / "base")
        db.engine.dispose()
    return url


@pytest.fixture
def prefixed(sample_url: str) -> Iterator[FlaskClient]:
    """Return a browser of an application under a prefix."""
    app = make_app_of(sample_url, url_prefix=PREFIX)
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def proxied(sample_url: str) -> Iterator[FlaskClient]:
    """Return a client of an application that believes one proxy."""
    app = make_app_of(sample_url, proxies=1)
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def log_in(client: FlaskClient, address: str) -> TestResponse:
    """Log in through the form, with its token, as a browser does."""
    form = client.get(address).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert found, form
    fields = {"username": "admin", "password": PASSWORD, "csrf_token": found[1]}
    return client.post(address, data=fields, headers={"Referer": address})


def kind_of(address: str) -> str:
    """Return what addresses of a route and one parameter, or several, have in common."""
    parts = urlsplit(address)
    names = sorted({pair.partition("=")[0] for pair in parts.query.split("&")})
    route = re.sub(r"/[0-9a-f-]*[0-9][0-9a-f-]*", "/0", parts.path)
    return f"{route}?{names[0] if len(names) == 1 else 'several'}"


def crawl(client: FlaskClient, start: str) -> dict[str, TestResponse]:
    """Ask for an address of each kind that the pages have; check that all are under the start."""
    answers: dict[str, TestResponse] = {}
    waiting, kinds = [start, f"{start}steps?step_name=hostile-output"], {kind_of(start)}
    while waiting:
        address = waiting.pop()
        answers[address] = response = client.get(address)
        assert response.status_code < 400, f"{address}: {response.status}"
        links = links_of(response)
        for one in links.found:
            assert urljoin(address, one).startswith(start), f"{one} on {address}"
        for one in links.readable:
            whole = urljoin(address, one).partition("#")[0]
            if kind_of(whole) not in kinds:
                kinds.add(kind_of(whole))
                waiting.append(whole)
    return answers


def links_of(response: TestResponse) -> Addresses:
    """Return the addresses that an answer leads to."""
    if response.location:
        return Addresses(f'<a href="{response.location}">')
    return Addresses(response.text if response.mimetype == "text/html" else "")


def test_under_a_prefix_every_address_of_every_page_has_it_and_works(
    prefixed: FlaskClient,
) -> None:
    response = log_in(prefixed, f"{PREFIX}/login?next={PREFIX}/runs")
    assert (response.status_code, response.location) == (302, f"{PREFIX}/runs")
    answers = crawl(prefixed, f"http://localhost{PREFIX}/")
    routes = {kind_of(address).partition("?")[0] for address in answers}
    for path in ("/", "/runs", "/steps/0", "/steps/0/output.txt", "/runs/0/compare", "/tokens"):
        assert PREFIX + path in routes
    assert f"{PREFIX}/osm/api/step-results" in routes
    assert f"{PREFIX}/static/app.css" in routes


def test_what_is_not_under_the_prefix_is_not_there(prefixed: FlaskClient) -> None:
    for path in ("/", "/login", "/health", "/stepboards/login", "/static/app.css", "/x/stepboard/"):
        response = prefixed.get(path)
        assert (response.status_code, response.mimetype) == (404, "text/plain")
        inside = prefixed.get(f"{PREFIX}/login").headers
        for name in (*HEADERS, "Cache-Control", "Cross-Origin-Resource-Policy"):
            assert response.headers[name] == inside[name], name
    assert "Strict-Transport-Security" in prefixed.get("/", base_url="https://localhost").headers
    assert prefixed.get(PREFIX).location == f"{PREFIX}/login"
    assert prefixed.get(f"{PREFIX}/health").json == {"status": "ok"}
    assert f'"path":"{PREFIX}/osm/api"' in prefixed.get(f"{PREFIX}/server-info").text


def test_an_error_under_the_prefix_names_the_whole_address(prefixed: FlaskClient) -> None:
    log_in(prefixed, f"{PREFIX}/login")
    error = {"error": True, "message": f"There is nothing at {PREFIX}/osm/api/nothing."}
    assert prefixed.get(f"{PREFIX}/osm/api/nothing").json == error
    page = prefixed.get(f"{PREFIX}/nothing").text
    assert f"There is nothing at {PREFIX}/nothing." in page
    assert f'href="{PREFIX}/runs"' in page


def test_the_session_is_for_the_prefix_alone(prefixed: FlaskClient) -> None:
    log_in(prefixed, f"{PREFIX}/login")
    assert prefixed.get_cookie("stepboard", path=PREFIX) is not None
    assert prefixed.get_cookie("stepboard", path="/") is None


@pytest.mark.parametrize(
    "path", ["/steps", "/stepboards/steps", "//evil.example/", "/stepboard//evil.example", "steps"]
)
def test_no_login_leads_out_of_the_prefix(prefixed: FlaskClient, path: str) -> None:
    assert log_in(prefixed, f"{PREFIX}/login?next={path}").location == f"{PREFIX}/"


def test_htmx_is_led_to_addresses_with_the_prefix(prefixed: FlaskClient) -> None:
    page = f"http://localhost{PREFIX}/steps?status=failed"
    headers = {"HX-Request": "true", "HX-Current-URL": page}
    anonymous = prefixed.get(f"{PREFIX}/steps", headers=headers)
    wanted = f"{PREFIX}/steps?status%3Dfailed"
    assert anonymous.headers["HX-Redirect"] == f"{PREFIX}/login?next={wanted}"
    log_in(prefixed, f"{PREFIX}/login")
    pushed = prefixed.get(f"{PREFIX}/steps?limit=20&status=running", headers=headers)
    assert pushed.headers["HX-Push-Url"] == f"{PREFIX}/steps?status=running"
    shown = prefixed.get(f"{PREFIX}/steps?status=failed", headers=headers)
    assert shown.headers["HX-Push-Url"] == "false"


def through_proxy(app: Flask) -> FlaskClient:
    """Return a browser before a proxy with TLS, which takes its own prefix off."""

    server = app.wsgi_app

    def proxy(environ: dict[str, Any], start_response: Any) -> Any:
        scheme, host = "https", environ["HTTP_HOST"]
        assert environ["PATH_INFO"].startswith(f"{TOOLS}/"), environ["PATH_INFO"]
        told = {"FOR": "203.0.113.7", "PROTO": scheme, "HOST": host, "PREFIX": f"{TOOLS}/"}
        environ = environ | {f"HTTP_X_FORWARDED_{name}": value for name, value in told.items()}
        path = environ["PATH_INFO"].removeprefix(TOOLS)
        environ |= {"PATH_INFO": path, "HTTP_HOST": "127.0.0.1", "wsgi.url_scheme": "http"}
        return server(environ, start_response)

    app.wsgi_app = proxy  # type: ignore[method-assign]
    return app.test_client()


def test_behind_a_proxy_every_address_is_one_of_the_proxy(sample_url: str) -> None:
    browser = through_proxy(make_app_of(sample_url, proxies=1))
    start = f"{SITE}{TOOLS}/"
    assert log_in(browser, f"{start}login?next={TOOLS}/steps").location == f"{TOOLS}/steps"
    answers = crawl(browser, start)
    assert f"{SITE}{TOOLS}/osm/api/step-results" in answers[f"{start}steps"].text
    assert browser.get_cookie("__Secure-stepboard", domain="steps.example", path=TOOLS) is not None


def test_no_proxy_is_believed_that_is_not_told_of(sample_url: str) -> None:
    client = make_app_of(sample_url).test_client()
    page = client.get("/login", headers=FORWARDED).text
    assert 'action="/login' in page and "/tools/" not in page
    log_in(client, "/login")
    assert "http://localhost/osm/api" in client.get("/steps", headers=FORWARDED).text


@pytest.mark.parametrize("prefix", ["//evil.example", "javascript:x", "/a b", '/"><script>', "x"])
def test_a_forwarded_prefix_that_is_no_path_is_dropped(proxied: FlaskClient, prefix: str) -> None:
    response = proxied.get("/steps", headers={**FORWARDED, "X-Forwarded-Prefix": prefix})
    assert response.location == "/login?next=/steps"


def test_where_the_prefix_is_set_no_header_changes_it(sample_url: str) -> None:
    client = make_app_of(sample_url, url_prefix=PREFIX, proxies=1).test_client()
    response = client.get(f"{PREFIX}/steps", headers={"X-Forwarded-Prefix": PREFIX})
    assert response.location == f"{PREFIX}/login?next={PREFIX}/steps"
