"""What a request may bring: how long it may be, and that it is text."""

import pytest
from flask.testing import FlaskClient

from webapp.limits import MAX_QUERY_BYTES

TOO_LONG = "The query string has 32,769 bytes; at most 32,768 are allowed."


def query_of(n_bytes: int) -> str:
    """Return a query string of so many bytes, that steps are filtered by."""
    start = "&".join("workspace=" + "x" * 3_000 for _ in range(n_bytes // 3_011))
    return start + "&workspace=" + "x" * (n_bytes - len(start) - len("&workspace="))


def test_a_query_string_as_long_as_may_be_is_read(api: FlaskClient) -> None:
    query = query_of(MAX_QUERY_BYTES)
    assert len(query) == MAX_QUERY_BYTES
    assert api.get(f"/osm/api/step-results?{query}").status_code == 200


def test_a_longer_one_is_refused(api: FlaskClient) -> None:
    response = api.get(f"/osm/api/step-results?{query_of(MAX_QUERY_BYTES + 1)}")
    assert response.status_code == 414
    assert response.json == {"error": True, "message": TOO_LONG}


def test_a_page_says_so_too(signed_in: FlaskClient) -> None:
    page = signed_in.get(f"/steps?{query_of(MAX_QUERY_BYTES + 1)}")
    assert page.status_code == 414
    assert TOO_LONG in page.text
    assert "Go back, and choose fewer values." in page.text


def test_nobody_need_be_signed_in_to_be_refused(client: FlaskClient) -> None:
    query = "x" * (MAX_QUERY_BYTES + 1)
    assert client.get(f"/osm/api/runs?{query}").status_code == 414
    assert client.get(f"/login?{query}").status_code == 414
    assert client.get(f"/health?{query}").status_code == 414


@pytest.mark.parametrize("query", ["workspace=%FF", "workspace=%C3", "%ED%A0%80=1", "x=\udcff"])
def test_what_is_not_utf8_is_refused_by_the_api(api: FlaskClient, query: str) -> None:
    environ = {"QUERY_STRING": query.encode("utf-8", "surrogateescape").decode("latin-1")}
    response = api.get("/osm/api/step-results", environ_overrides=environ)
    assert response.status_code == 400
    message = "The query string is not UTF-8, after decoding its % signs."
    assert response.json == {"error": True, "message": message}


def test_a_page_looks_for_what_it_can_read(signed_in: FlaskClient) -> None:
    assert signed_in.get("/steps?workspace=%FF").status_code == 200


@pytest.mark.parametrize(
    "path", ["/osm/api/step-results/%FF", "/osm/api/runs/%FF%00", "/osm/api/%C3"]
)
def test_an_address_that_is_not_utf8_is_not_found(api: FlaskClient, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 404
    assert response.json["error"] is True


def test_head_answers_as_get_does_without_a_body(api: FlaskClient) -> None:
    for path in ("/osm/api/step-results", "/osm/api/runs/1", "/osm/api/openapi.json", "/health"):
        head, get = api.head(path), api.get(path)
        assert (head.status_code, head.data) == (get.status_code, b"")
        assert head.content_type == get.content_type
