"""Health, readiness and what the server says of itself: open to anybody, in JSON."""

import tomllib
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from webapp.config import PROJECT, VERSION
from webapp.extensions import db

from .conftest import make_app


def test_the_server_is_healthy(client: FlaskClient) -> None:
    response = client.get("/health")
    assert (response.status_code, response.text) == (200, '{"status":"ok"}\n')
    assert "Set-Cookie" not in response.headers


def test_a_fitting_database_is_ready(client: FlaskClient) -> None:
    response = client.get("/health/ready")
    assert (response.status_code, response.text) == (200, '{"status":"ready"}\n')


def test_a_database_of_another_version_is_not_ready(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        db.session.execute(text("DELETE FROM alembic_version"))
        db.session.commit()
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json["error"] is True
    assert "run 'flask db upgrade'" in response.json["message"]


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nowhere/at/all.sqlite", "postgresql+psycopg://me:secret@/x?host=/nowhere/at"],
)
def test_a_missing_database_is_healthy_but_not_ready(url: str) -> None:
    client = make_app(url).test_client()
    assert client.get("/health").status_code == 200
    response = client.get("/health/ready")
    assert response.status_code == 503
    message = "The database does not answer; the server's log says why."
    assert response.json == {"error": True, "message": message}


def test_a_file_that_is_no_database_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "junk.sqlite"
    path.write_bytes(b"no database at all " * 100)
    client = make_app(f"sqlite:///{path}").test_client()
    assert client.get("/health/ready").status_code == 503


def test_the_server_says_what_it_is(client: FlaskClient) -> None:
    assert client.get("/server-info").text == (
        f'{{"name":"Stepboard","version":"{VERSION}",'
        '"api":{"path":"/osm/api","default_limit":20,"max_limit":10000},'
        '"step_statuses":["pending","running","completed","failed","skipped"],'
        '"step_types":["bash","function","foreach","parallel-steps","remote-bash","http","llm",'
        '"agent","agent-acp","agent-sdk"],'
        '"run_statuses":["pending","queued","running","webhook","completed","failed",'
        '"cancelled","unknown"]}\n'
    )


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
