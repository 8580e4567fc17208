"""Static files: kept for good under their hashed address, sent as small as a browser takes them."""

import gzip
import re
from pathlib import Path

import brotli
import pytest
from backports import zstd
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scripts import vendor
from webapp import static_files

from .conftest import PASSWORD, make_app

FOLDER = static_files.FOLDER
CSS = "/static/vendor/tabler.min.css"
CONTENT = (FOLDER / "vendor" / "tabler.min.css").read_bytes()
DECODERS = {"br": brotli.decompress, "gzip": gzip.decompress, "zstd": zstd.decompress}
ALL = "gzip, deflate, br, zstd"


@pytest.fixture
def client() -> FlaskClient:
    """Return a client of an application whose database no static file asks."""
    return make_app("sqlite:////nowhere/at/all.sqlite").test_client()


def decoded(response: TestResponse) -> bytes:
    encoding = response.headers.get("Content-Encoding")
    return DECODERS[encoding](response.data) if encoding else response.data


def url_of(app: Flask, filename: str, **environ: str) -> str:
    with app.test_request_context("/", environ_overrides=environ):
        return static_files.static_url(filename)


def test_the_address_of_a_page_is_kept_for_good(client: FlaskClient) -> None:
    url = url_of(client.application, "vendor/tabler.min.css")
    assert re.fullmatch(r"/static/vendor/tabler\.min\.css\?v=[0-9a-f]{12}", url)
    response = client.get(url)
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.data == CONTENT


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789ab", "?w=1"])
def test_any_other_address_of_it_is_not(client: FlaskClient, query: str) -> None:
    response = client.get(CSS + query)
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.data == CONTENT


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (ALL, "br"),
        ("gzip", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, *", "gzip"),
        ("br;q=0.2", "br"),
        ("*", "br"),
        ("identity", None),
        ("identity;q=1, br;q=0.5", None),
        ("gzip;q=0, br;q=0", None),
        ("*;q=0", None),
        ("zstd", None),
        ("", None),
    ],
)
def test_the_encoding_is_the_one_liked_best(
    client: FlaskClient, accepted: str, encoding: str | None
) -> None:
    response = client.get(CSS, headers={"Accept-Encoding": accepted})
    assert response.headers.get("Content-Encoding") == encoding
    assert decoded(response) == CONTENT
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert response.headers["Content-Type"] == "text/css; charset=utf-8"
    # Nothing of the session: kept by a browser, it serves whoever logs in next.
    assert response.headers["Vary"] == "Accept-Encoding"
    assert "Set-Cookie" not in response.headers


def test_each_encoding_has_its_own_tag_and_is_not_sent_twice(client: FlaskClient) -> None:
    tags = set()
    for accepted in ("br", "gzip", "identity"):
        headers = {"Accept-Encoding": accepted}
        tag = client.get(CSS, headers=headers).headers["ETag"]
        again = client.get(CSS, headers={**headers, "If-None-Match": tag, "Range": "bytes=0-1"})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == tag
        tags.add(tag)
    assert len(tags) == 3
    other = client.get(CSS, headers={"Accept-Encoding": "gzip", "If-None-Match": min(tags)})
    assert other.status_code in (200, 304)


@pytest.mark.parametrize("accepted", ["br", "identity"])
def test_head_says_what_get_sends(client: FlaskClient, accepted: str) -> None:
    headers = {"Accept-Encoding": accepted, "Range": "bytes=0-1"}
    head = client.head(CSS, headers=headers)
    get = client.get(CSS, headers={"Accept-Encoding": accepted})
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Length", "Content-Encoding", "Content-Type", "ETag", "Vary"):
        assert head.headers.get(name) == get.headers.get(name)


@pytest.mark.parametrize("accepted", ["br", "identity", "zstd"])
def test_a_range_is_a_part_of_what_is_sent(client: FlaskClient, accepted: str) -> None:
    whole = client.get(CSS, headers={"Accept-Encoding": accepted})
    part = client.get(CSS, headers={"Accept-Encoding": accepted, "Range": "bytes=10-29"})
    assert (part.status_code, part.data) == (206, whole.data[10:30])
    assert part.headers["Content-Range"] == f"bytes 10-29/{len(whole.data)}"
    assert part.headers.get("Content-Encoding") == whole.headers.get("Content-Encoding")
    assert part.headers["Content-Length"] == "20"


@pytest.mark.parametrize("wanted", ["bytes=0-1,4-5", "lines=1-2", "bytes=x", "bytes=5-2"])
def test_a_range_that_cannot_be_told_gets_the_whole(client: FlaskClient, wanted: str) -> None:
    response = client.get(CSS, headers={"Range": wanted})
    assert (response.status_code, response.data) == (200, CONTENT)


def test_a_range_beyond_the_end_is_refused(client: FlaskClient) -> None:
    response = client.get(CSS, headers={"Range": "bytes=9999999-"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize(
    "path",
    ["nothing.css", "vendor", "vendor/", "../app.py", "%2e%2e/app.py", "a%00b", "%2Fetc/group"],
)
def test_there_is_nothing_else(client: FlaskClient, path: str) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code != 200
    assert b"import" not in response.data and b"root:" not in response.data


def test_a_file_is_looked_at_again_only_by_who_debugs(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_files, "FOLDER", tmp_path)
    (tmp_path / "a.css").write_text("a {}")
    before = url_of(client.application, "a.css")
    (tmp_path / "a.css").write_text("b { color: red }")
    assert url_of(client.application, "a.css") == before
    client.application.debug = True
    assert url_of(client.application, "a.css") != before


def test_the_address_is_under_the_prefix_of_a_proxy(client: FlaskClient) -> None:
    assert url_of(client.application, "app.js", SCRIPT_NAME="/steps-of-ours").startswith(
        "/steps-of-ours/static/app.js?v="
    )


def test_a_file_that_is_missing_breaks_no_page(client: FlaskClient) -> None:
    assert url_of(client.application, "nothing.css") == "/static/nothing.css"


# Pages and JSON are compressed when they are made.


@pytest.mark.parametrize("path", ["/steps", "/osm/api/step-results"])
@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip"])
def test_what_is_made_is_compressed(signed_in_app: FlaskClient, path: str, encoding: str) -> None:
    plain = signed_in_app.get(path)
    small = signed_in_app.get(path, headers={"Accept-Encoding": encoding})
    assert small.headers["Content-Encoding"] == encoding
    assert "Accept-Encoding" in small.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert len(small.data) < len(plain.data) / 2
    assert int(small.headers["Content-Length"]) == len(small.data)
    if path != "/steps":  # A page says how long ago; JSON is the same each time.
        assert decoded(small) == plain.data
    head = signed_in_app.head(path, headers={"Accept-Encoding": encoding})
    assert head.headers["Content-Encoding"] == encoding
    assert head.data == b""


def test_zstd_is_taken_of_all(signed_in_app: FlaskClient) -> None:
    response = signed_in_app.get("/steps", headers={"Accept-Encoding": ALL})
    assert response.headers["Content-Encoding"] == "zstd"


@pytest.mark.parametrize("path", ["/steps/1/output.txt", "/health"])
def test_a_raw_output_and_a_short_answer_stay_as_they_are(
    signed_in_app: FlaskClient, path: str
) -> None:
    response = signed_in_app.get(path, headers={"Accept-Encoding": ALL})
    assert "Content-Encoding" not in response.headers
    assert int(response.headers["Content-Length"]) == len(response.data)


def test_an_error_can_be_read_by_all(signed_in_app: FlaskClient) -> None:
    response = signed_in_app.get("/nowhere", headers={"Accept-Encoding": ALL})
    assert response.status_code == 404
    assert b"There is nothing at /nowhere." in decoded(response)


@pytest.fixture
def signed_in_app(app: Flask) -> FlaskClient:
    """Return a browser with admin in it, over a few long steps."""
    from .data import make_run, make_step, write

    write(app, [make_run("1")], [make_step(1, n, output="a line\n" * 900) for n in range(1, 9)])
    client = app.test_client()
    client.post("/login", data={"username": "admin", "password": PASSWORD})
    return client


# What set-up cuts out of Tabler's style sheet.


def test_every_rule_of_tabler_for_a_class_of_a_page_is_left() -> None:
    templates = [path.read_text() for path in vendor.PROJECT.glob("templates/**/*.html")]
    used = {
        word
        for text in templates
        for value in re.findall(r'class="([^"]*)"', text)
        for word in re.findall(r"[\w-]+", value)
    }
    wanted = {rule for rule in class_rules(vendor.TABLER.read_text()) if classes_of(rule) <= used}
    assert ".visually-hidden" in wanted
    assert wanted <= class_rules(CONTENT.decode())


def classes_of(rule: str) -> set[str]:
    return set(re.findall(r"\.([\w-]+)", rule))


def class_rules(css: str) -> set[str]:
    """Return the selectors that are made of classes and states only."""
    selectors = re.findall(r"(?:^|[{}])([^{}]*)(?=\{)", css)
    parts = {part.strip() for selector in selectors for part in selector.split(",")}
    return {part for part in parts if re.fullmatch(r"(\.[A-Za-z_][\w-]*)+(:[\w-]+)*", part)}


def test_every_variable_of_tabler_that_is_read_is_left() -> None:
    ours = "".join(path.read_text() for path in FOLDER.glob("*.css"))
    read = set(re.findall(r"var\(\s*(--tblr-[\w-]+)", ours))
    assert read <= set(re.findall(r"(--tblr-[\w-]+)\s*:", ours + CONTENT.decode()))


def test_the_cut_is_small_and_that_of_the_pages_as_they_are() -> None:
    assert len(CONTENT) < 60_000
    stamp = vendor.PROJECT / ".setup" / "front-end"
    assert stamp.read_text() == vendor.fingerprint(), "run 'make setup'"
