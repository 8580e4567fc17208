"""ETags: what has not changed is not sent again, and not looked for."""

import re
import shutil
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.api import describing, kept_answers
from webapp.extensions import db
from webapp.ingest.records import ArtifactRecord
from webapp.ingest.writer import Writer
from webapp.models import Source, StepStatus

from .conftest import make_app
from .data import START, make_run, make_source, make_step, write
from .statements import collected_statements

KEPT = (
    "/osm/api/step-results",
    "/osm/api/step-results?status=failed&started_after=2026-01-01&fields=id",
    "/osm/api/step-results?cursor=",
    "/osm/api/step-results/1",
    "/osm/api/runs",
    "/osm/api/runs/1",
    "/osm/api/runs/uuid-1",
    "/osm/api/runs/1/steps",
    "/osm/api/runs/1/artifacts",
)


def write_some(app: Flask) -> int:
    """Write a run with two steps, and return the number of its source."""
    source_id = make_source(app)
    write(app, [make_run("uuid-1")], [make_step(1, 1), make_step(1, 2)], source_id=source_id)
    return source_id


def etag_of(api: FlaskClient, path: str) -> str:
    response = api.get(path)
    assert response.status_code == 200, response.text
    return response.headers["ETag"]


def test_who_has_it_is_told_so_without_a_look_at_the_rows(app: Flask, api: FlaskClient) -> None:
    write_some(app)
    for path in KEPT:
        etag = etag_of(api, path)
        assert re.fullmatch('W/"[0-9a-f]{32}"', etag)
        for known in (etag, f'"other", {etag}', etag.removeprefix("W/")):
            with collected_statements(app) as statements:
                response = api.get(path, headers={"If-None-Match": known})
            assert (response.status_code, response.data) == (304, b""), path
            # Who asks, and the version with it.
            assert len(statements) == 1
            assert not any(re.search(r"FROM (steps|runs|artifacts)\b", one) for one in statements)
        assert response.headers["ETag"] == etag
        assert response.headers["Cache-Control"] == "private, no-cache"
        assert "Content-Type" not in response.headers
        assert "Accept-Encoding" in response.headers["Vary"]
        assert api.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert len({etag_of(api, path) for path in KEPT}) == len(KEPT)


def test_what_was_answered_is_answered_again_without_a_look_at_the_rows(
    app: Flask, api: FlaskClient
) -> None:
    source_id = write_some(app)
    for path in KEPT:
        first = api.get(path)
        with collected_statements(app) as statements:
            again = api.get(path)
        assert len(statements) == 1, path
        assert (again.status_code, again.data) == (200, first.data)
        names = set(first.headers.keys()) - {"X-Request-ID"}
        assert {name: again.headers[name] for name in names} == {
            name: first.headers[name] for name in names
        }
        assert api.head(path).headers["Content-Length"] == str(len(first.data))
    write(app, [], [make_step(1, 3)], source_id=source_id)
    assert api.get("/osm/api/step-results").json["pagination"]["total"] == 3  # type: ignore[index]


def test_of_what_is_kept_so_many_bytes_are(
    app: Flask, api: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_some(app)
    size = len(api.get("/osm/api/step-results?limit=1").data)

    def n_statements(path: str) -> int:
        with collected_statements(app) as statements:
            assert api.get(path).status_code == 200
        return len(statements)

    # Of three, the one that was asked for last but two is forgotten; headers count too.
    size_of_one = size + kept_answers.OVERHEAD
    monkeypatch.setattr(kept_answers._answers, "most", 3 * size_of_one)
    paths = [f"/osm/api/step-results?limit=1&sort={sort}" for sort in ("id", "-id", "started_at")]
    for path in paths:
        n_statements(path)
    assert [n_statements(path) == 1 for path in reversed(paths)] == [True, True, False]
    # One that is larger is never kept.
    monkeypatch.setattr(kept_answers, "MOST_OF_ONE", size - 1)
    large = "/osm/api/step-results?limit=2"
    assert n_statements(large) > 1
    assert n_statements(large) > 1


def test_answers_without_rows_take_their_part_of_what_is_kept(
    app: Flask, api: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_some(app)
    monkeypatch.setattr(kept_answers._answers, "most", 10 * kept_answers.OVERHEAD)
    path = "/osm/api/step-results?limit=0&max_duration_ms="
    etags = [etag_of(api, f"{path}{n}").removeprefix('W/"').rstrip('"') for n in range(12)]
    n_kept = sum(kept_answers.recall(etag) is not None for etag in etags)
    assert 1 < n_kept < 10
    assert kept_answers.recall(etags[-1]) is not None


@pytest.mark.parametrize("limit", [20, 300])
def test_an_answer_with_rows_of_a_later_version_has_no_etag(
    app: Flask, api: FlaskClient, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """On PostgreSQL its rows can be newer than the version that was read first."""
    source_id = write_some(app)
    path = f"/osm/api/step-results?limit={limit}"
    read_query = describing._read_query

    def write_meanwhile(operation: describing.Operation) -> tuple[Any, ...]:
        more = [make_step(1, 3)]
        worker = Thread(target=lambda: write(app, [], more, source_id=source_id))
        worker.start()
        worker.join()
        return read_query(operation)

    with monkeypatch.context() as patched:
        patched.setattr(describing, "_read_query", write_meanwhile)
        response = api.get(path)
    assert response.status_code == 200
    n_rows = len(response.get_json()["data"])
    again = api.get(path)
    assert len(again.get_json()["data"]) == 3
    if "ETag" in response.headers:
        # SQLite saw one moment, of both.
        assert n_rows == 2
    assert again.headers["ETag"] != response.headers.get("ETag")


def test_a_path_is_not_taken_for_another_with_a_query(app: Flask, api: FlaskClient) -> None:
    write(app, [make_run("a"), make_run("a?b")], [])
    assert api.get("/osm/api/runs/a%3Fb").status_code == 200
    assert api.get("/osm/api/runs/a?b?").status_code == 400


def test_it_is_the_same_compressed_and_for_every_token(app: Flask, api: FlaskClient) -> None:
    source_id = write_some(app)
    write(app, [], [make_step(1, 3, output="x" * 5_000)], source_id=source_id)
    for limit in ("20", "1"):
        path = f"/osm/api/step-results?limit={limit}"
        plain, packed = api.get(path), api.get(path, headers={"Accept-Encoding": "zstd"})
        assert (packed.content_encoding == "zstd") == (limit == "20")
        assert plain.headers["ETag"] == packed.headers["ETag"]
        headers = {"Accept-Encoding": "zstd", "If-None-Match": plain.headers["ETag"]}
        assert api.get(path, headers=headers).status_code == 304


def test_every_change_of_the_history_is_seen_and_nothing_else(app: Flask, api: FlaskClient) -> None:
    source_id = write_some(app)
    seen = {etag_of(api, KEPT[0])}

    def is_new() -> bool:
        etag = etag_of(api, KEPT[0])
        is_seen = etag in seen
        seen.add(etag)
        return not is_seen

    artifact = ArtifactRecord("file-1", 1, "example.com", "out.txt", "/w/out.txt", START)
    failed = make_step(1, 2, status=StepStatus.FAILED)
    changes = (
        lambda: write(app, [make_run("uuid-2")], source_id=source_id),
        lambda: write(app, [make_run("uuid-2", error="killed")], source_id=source_id),
        lambda: write(app, [], [make_step(1, 3)], source_id=source_id),
        lambda: write(app, [], [failed], source_id=source_id),
        lambda: write(app, [], [], [artifact], source_id=source_id),
    )
    for change in changes:
        change()
        assert is_new()
        change()
        assert not is_new()
    with app.app_context(), Writer(db.engine, source_id) as writer:
        writer.remove_steps(1, ["1/3", "none"])
    assert is_new()
    with app.app_context(), Writer(db.engine, source_id) as writer:
        writer.remove_steps(1, ["1/3", "none"])
        db.session.add(Source(name="more", kind="osmedeus", path="/more"))
        db.session.commit()
    assert not is_new()


@pytest.mark.parametrize(
    "path",
    [
        *("/osm/api/step-results?started=24h", "/osm/api/step-results?ended=today&cursor="),
        *("/osm/api/runs?started=1h", "/osm/api/sources", "/osm/api/workspace-names"),
    ],
)
def test_what_goes_by_the_clock_or_by_other_rows_has_none(
    app: Flask, api: FlaskClient, path: str
) -> None:
    write_some(app)
    response = api.get(path, headers={"If-None-Match": "*"})
    assert response.status_code == 200
    assert "ETag" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"


def test_what_is_wrong_is_refused_and_what_is_not_there_not_found(
    app: Flask, api: FlaskClient
) -> None:
    write_some(app)
    etag = etag_of(api, KEPT[0])
    for path, status in (("/osm/api/step-results?limit=x", 400), ("/osm/api/runs/77", 404)):
        response = api.get(path, headers={"If-None-Match": etag})
        assert response.status_code == status
        assert "ETag" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"
    assert api.get(KEPT[0], headers={"Authorization": "", "If-None-Match": etag}).status_code == 401


def test_an_empty_history_has_none(api: FlaskClient) -> None:
    assert "ETag" not in api.get(KEPT[0]).headers


def test_with_another_secret_key_there_is_another_one(app: Flask, api: FlaskClient) -> None:
    write_some(app)
    before = etag_of(api, "/osm/api/step-results?cursor=")
    app.secret_key = "another " * 8
    assert etag_of(api, "/osm/api/step-results?cursor=") != before


def test_after_a_backup_is_put_back_no_etag_comes_again(
    tmp_path: Path, sqlite_template: Path
) -> None:
    """Both went on from the same rows, each by one change: they are never taken for one another."""
    shutil.copy(sqlite_template, tmp_path / "a.sqlite")
    first = make_app(f"sqlite:///{tmp_path / 'a.sqlite'}")
    source_id = write_some(first)
    with first.app_context():
        db.engine.dispose()
    shutil.copy(tmp_path / "a.sqlite", tmp_path / "b.sqlite")
    etags = []
    for name in ("a", "b"):
        app = make_app(f"sqlite:///{tmp_path / name}.sqlite")
        write(app, [], [make_step(1, 9, output=name)], source_id=source_id)
        client = app.test_client()
        client.post("/login", data={"username": "admin", "password": "correct horse battery"})
        etags.append(etag_of(client, KEPT[0]))
        with app.app_context():
            db.engine.dispose()
    assert etags[0] != etags[1]
