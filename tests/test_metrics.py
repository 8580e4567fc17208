"""What Prometheus reads at /metrics: who may, what is counted, over several workers too."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from webapp.accounts import add_account, make_token
from webapp.config import ConfigError
from webapp.extensions import db
from webapp.metrics import check_folder
from webapp.models import Role, RunStatus, StepStatus
from webapp.queries.users import find_user_named

from .conftest import PASSWORD, SECRET_KEY, make_app
from .data import make_run, make_step, write
from .server import PROJECT, running_server
from .statements import collected_statements, explain_statements

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
# One that takes for ever, on either engine, unless something ends it.
ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


def parse(metrics: str) -> Samples:
    """Return every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """Return the value of one sample, if it is there."""
    return samples.get((name, frozenset(labels.items())))


def requests_of(samples: Samples, endpoint: str, method: str, status: str) -> float | None:
    """Return how many such requests were counted."""
    labels = {"endpoint": endpoint, "method": method, "status": status}
    return value(samples, "stepboard_requests_total", **labels)


def read(client: FlaskClient) -> Samples:
    """Read the metrics, which the client must be allowed to."""
    response = client.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return parse(response.text)


@pytest.fixture
def impatient(database_url: str) -> Iterator[FlaskClient]:
    """Return a client that needs no token, of a server that ends statements after 100 ms."""
    app = make_app(database_url, metrics_from=("127.0.0.0/8",), statement_timeout_ms=100)
    with app.app_context():
        endless = ENDLESS[db.engine.dialect.name]
    # Health needs nobody to have signed in.
    app.view_functions["health.show_health"] = lambda: str(
        db.session.execute(text(endless)).fetchall()
    )
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def test_nobody_reads_them_without_a_token_not_even_on_this_machine(client: FlaskClient) -> None:
    response = client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert response.status_code == 401
    assert response.json["error"] is True
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert "stepboard_" not in response.text


def test_a_token_must_be_an_admin_s(app: Flask, api: FlaskClient) -> None:
    assert value(read(api), "stepboard_database_up") == 1
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
        eve = find_user_named("eve")
        assert eve
        viewers = make_token(eve, "tests", expires_at=None)
    headers = {"Authorization": f"Bearer {viewers}"}
    assert app.test_client().get("/metrics", headers=headers).status_code == 403
    wrong = {"Authorization": "Bearer none-of-ours"}
    assert app.test_client().get("/metrics", headers=wrong).status_code == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("10.1.2.3", 200),
        ("::ffff:10.1.2.3", 200),
        ("2001:db8::7", 200),
        ("10.2.0.1", 401),
        ("127.0.0.1", 401),
        ("", 401),
        ("unix:/run/x", 401),
    ],
)
def test_an_address_that_is_named_needs_no_token(
    database_url: str, address: str, status: int
) -> None:
    app = make_app(database_url, metrics_from=("10.1.0.0/16", "2001:db8::/32"))
    forged = {"X-Forwarded-For": "10.1.2.3"}
    client = app.test_client()
    response = client.get("/metrics", environ_base={"REMOTE_ADDR": address}, headers=forged)
    assert response.status_code == status
    # That is for the metrics alone.
    other = client.get("/osm/api/runs", environ_base={"REMOTE_ADDR": address})
    assert other.status_code == 401


def test_requests_are_counted_by_route_never_by_path(api: FlaskClient) -> None:
    for path in ("/osm/api/step-results", "/osm/api/step-results?limit=1", "/steps/12345"):
        api.get(path)
    api.get("/nowhere/hush")
    api.open("/nowhere/hush", method="HUSH")
    response = api.get("/metrics").text
    assert "hush" not in response.lower() and "12345" not in response
    samples = parse(response)
    assert requests_of(samples, "api.list_step_results", "GET", "200") == 2
    assert requests_of(samples, "pages.show_step", "GET", "404") == 1
    assert requests_of(samples, "none", "GET", "404") == 1
    assert requests_of(samples, "none", "other", "403") == 1
    of_route = {"endpoint": "api.list_step_results"}
    assert value(samples, "stepboard_request_duration_seconds_count", **of_route) == 2
    spent = value(samples, "stepboard_request_duration_seconds_sum", **of_route)
    in_database = value(samples, "stepboard_request_database_seconds_sum", **of_route)
    assert spent and in_database and 0 < in_database < spent


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_application_counts_for_itself(app: Flask, api: FlaskClient) -> None:
    other = make_app(app.config["SQLALCHEMY_DATABASE_URI"], metrics_from=("127.0.0.1",))
    api.get("/health")
    assert requests_of(read(api), "health.show_health", "GET", "200") == 1
    assert requests_of(read(other.test_client()), "health.show_health", "GET", "200") is None


def test_rows_are_counted_by_kind(app: Flask, api: FlaskClient) -> None:
    run_id = write(app, [make_run()])["run-1"]
    failed = make_step(run_id, 3, status=StepStatus.FAILED)
    write(app, [make_run("run-2", status=RunStatus.FAILED)], source_id=1)
    write(app, [], [make_step(run_id, 1), make_step(run_id, 2), failed], source_id=1)
    samples = read(api)
    steps = {one: value(samples, "stepboard_steps", status=one) for one in StepStatus}
    assert steps == {**dict.fromkeys(StepStatus, 0), "completed": 2, "failed": 1}
    assert value(samples, "stepboard_runs", status="completed") == 1
    assert value(samples, "stepboard_runs", status="failed") == 1
    rows = {kind: value(samples, "stepboard_rows", kind=kind) for kind in ("sources", "users")}
    assert rows == {"sources": 1, "users": 1}
    assert value(samples, "stepboard_rows", kind="tokens") == 1


def test_a_reading_takes_a_fixed_number_of_statements(app: Flask, api: FlaskClient) -> None:
    read(api)
    with collected_statements(app) as statements:
        read(api)
    # The token's user, the steps, and the small tables; the runs are kept for a minute.
    assert len(statements) <= 3, statements


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_table_of_steps_or_runs_is_walked(app: Flask, api: FlaskClient) -> None:
    def act() -> None:
        response = api.get("/metrics")
        assert response.status_code == 200

    plan = explain_statements(app, act)
    scans = [line for line in plan if line.startswith("SCAN") and "COVERING INDEX" not in line]
    assert not [line for line in scans if "steps" in line or "runs" in line], plan


def test_answers_503_are_counted_by_reason(impatient: FlaskClient) -> None:
    assert impatient.get("/health").status_code == 503
    samples = read(impatient)
    failures = "stepboard_database_failures_total"
    assert value(samples, failures, reason="too_slow") == 1
    assert value(samples, failures, reason="busy") == 0
    assert requests_of(samples, "health.show_health", "GET", "503") == 1
    waited = value(samples, "stepboard_request_database_seconds_sum", endpoint="health.show_health")
    assert waited and waited >= 0.05


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.sqlite", "postgresql+psycopg://me:hush@/x?host=/nowhere/at"]
)
def test_a_database_that_is_gone_is_said_and_the_rest_is_there(url: str) -> None:
    client = make_app(url, metrics_from=("127.0.0.1",)).test_client()
    client.get("/health")
    samples = read(client)
    assert value(samples, "stepboard_database_up") == 0
    assert requests_of(samples, "health.show_health", "GET", "200") == 1
    assert (value(samples, "process_resident_memory_bytes") or 0) > 10_000_000


def fetch(url: str) -> str:
    """Get a page of a real server, by a connection of its own."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as response:
        return str(response.read().decode())


def workers(samples: Samples) -> set[Any]:
    """Return the processes whose memory is told."""
    return {
        dict(labels).get("pid") for name, labels in samples if name.startswith("process_resident")
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_workers_give_one_sum(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    env = {
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
        "GRANIAN_WORKERS": "2",
        "STEPBOARD_METRICS_FROM": "127.0.0.1",
    }
    with running_server(database_url, **env) as url:
        samples = parse(fetch(f"{url}/metrics"))
        sent = 0
        while len(workers(samples)) < 2 and sent < 300:
            for _ in range(10):
                fetch(f"{url}/server-info")
            sent += 10
            samples = parse(fetch(f"{url}/metrics"))
        assert len(workers(samples)) == 2
        assert requests_of(samples, "health.show_server_info", "GET", "200") == sent
        count = "stepboard_request_duration_seconds_count"
        assert value(samples, count, endpoint="health.show_server_info") == sent
        assert value(samples, "stepboard_steps", status="failed") == 0


def test_a_folder_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for bad in ("", str(tmp_path / "nothing")):
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", bad)
        with pytest.raises(ConfigError, match="PROMETHEUS_MULTIPROC_DIR must be a folder"):
            check_folder()


def test_a_server_does_not_start_with_such_a_folder(tmp_path: Path) -> None:
    env = {"SECRET_KEY": SECRET_KEY, "DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite"}
    process = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=PROJECT,
        env={**os.environ, **env, "PROMETHEUS_MULTIPROC_DIR": "/nowhere/at/all"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "PROMETHEUS_MULTIPROC_DIR must be a folder that this user may write" in process.stderr
