"""Every answer has an id, which the log and the pages of errors have too."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.request_ids import current_request_id

from .conftest import make_app

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def id_of(client: FlaskClient, sent: str, path: str = "/health") -> str:
    """Return the id that a request gets which sends one."""
    return client.get(path, headers={"X-Request-ID": sent}).headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/health", "/login", "/steps", "/nowhere", "/osm/api/runs"])
def test_every_answer_has_an_id_of_its_own(client: FlaskClient, path: str) -> None:
    ids = {client.get(path).headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)


def test_an_id_that_is_sent_is_not_believed_without_a_proxy(client: FlaskClient) -> None:
    assert id_of(client, "sent-by-somebody") != "sent-by-somebody"


@pytest.mark.parametrize("sent", ["from-the.proxy_1", "12345678", "x" * 64])
def test_the_id_of_a_proxy_is_kept(database_url: str, sent: str) -> None:
    assert id_of(make_app(database_url, proxies=1).test_client(), sent) == sent


@pytest.mark.parametrize(
    "sent", ["", "short", "x" * 65, "with a space in it", "größe-größe", "a;b;c;d;e"]
)
def test_an_odd_id_of_a_proxy_is_replaced(database_url: str, sent: str) -> None:
    got = id_of(make_app(database_url, proxies=1).test_client(), sent)
    assert re.fullmatch("[0-9a-f]{32}", got)


def test_there_is_none_outside_of_a_request(app: Flask) -> None:
    assert current_request_id() == ""
    with app.app_context():
        assert current_request_id() == ""
    with app.test_request_context():
        app.preprocess_request()
        assert re.fullmatch("[0-9a-f]{32}", current_request_id())


def test_the_page_of_a_crash_names_the_request(app: Flask, client: FlaskClient) -> None:
    def crash() -> str:
        raise RuntimeError("on purpose")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.view_functions["pages.login"] = crash
    page = client.get("/login")
    assert page.status_code == 500
    assert f"request <code>{page.headers['X-Request-ID']}</code>" in page.text
    missing = client.get("/nowhere")
    assert missing.headers["X-Request-ID"] not in missing.text
