"""The API of runs, their steps and artifacts, and of the workspaces' names."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.ingest.records import ArtifactRecord
from webapp.models import RunStatus, StepStatus

from .data import START, make_run, make_source, make_step, write

RUN = (
    '{"id":7,"run_uuid":"uuid-7","workflow_name":"recon-domain","workflow_kind":"module",'
    '"target":"example.com","workspace":"example.com","status":"completed","error":"",'
    '"trigger_type":"cli","trigger_name":"","run_group_id":"","run_priority":"","run_mode":"",'
    '"params":{"threads":"4"},"total_steps":3,"completed_steps":3,'
    '"steps_pending":0,"steps_running":0,"steps_completed":1,"steps_failed":1,"steps_skipped":0,'
    '"started_at":"2026-11-20T10:00:00Z","completed_at":"2026-11-20T10:01:00Z",'
    '"created_at":"2026-11-20T10:00:00Z","updated_at":"2026-11-20T10:01:00Z",'
    '"source_key":"uuid-7"}'
)


def write_run_7(app: Flask) -> None:
    """Write a run of two steps, the second of which has the lower id, and two artifacts."""
    artifacts = [
        ArtifactRecord(f"file-{n}", 7, "example.com", f"out-{n}.txt", f"/w/out-{n}.txt", START)
        for n in (1, 2)
    ]
    steps = [make_step(7, 2, status=StepStatus.FAILED), make_step(7, 1, exports={"a": [1]})]
    run = make_run("uuid-7", wanted_id=7, params={"threads": "4"})
    write(app, [run], steps, artifacts)


def write_three(app: Flask) -> None:
    """Write three runs that differ in all that is filtered by."""
    write(
        app,
        [
            make_run("uuid-1", workflow_name="recon", target="a.com", workspace="a"),
            make_run("uuid-2", workflow_name="recon", target="b.com", workspace="b"),
            make_run(
                "uuid-3",
                workflow_name="ports",
                target="b.com",
                workspace="B",
                status=RunStatus.FAILED,
                started_at=None,
            ),
        ],
    )


@pytest.mark.parametrize("key", ["7", "uuid-7"])
def test_a_run_is_exactly_this_by_number_and_by_uuid(
    app: Flask, api: FlaskClient, key: str
) -> None:
    write_run_7(app)
    assert api.get(f"/osm/api/runs/{key}").text == RUN + "\n"


def test_a_list_of_runs_is_exactly_this(app: Flask, api: FlaskClient) -> None:
    write_run_7(app)
    pagination = '{"total":1,"offset":0,"limit":20}'
    assert api.get("/osm/api/runs").text == f'{{"data":[{RUN}],"pagination":{pagination}}}\n'


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [3, 2, 1]),
        ("sort=id", [1, 2, 3]),
        ("status=failed", [3]),
        ("status=!failed", [2, 1]),
        ("workflow_name=recon", [2, 1]),
        ("target=b.com", [3, 2]),
        ("target=b.com&workspace=b", [2]),
        ("workspace=a&workspace=B", [3, 1]),
        ("offset=1&limit=1", [2]),
        ("limit=0", []),
    ],
)
def test_runs_are_found_newest_first(
    app: Flask, api: FlaskClient, query: str, found: list[int]
) -> None:
    write_three(app)
    answer = api.get(f"/osm/api/runs?{query}").json
    assert [run["id"] for run in answer["data"]] == found
    if "limit" not in query:
        assert answer["pagination"]["total"] == len(found)


@pytest.mark.parametrize("query", ["status=done", "run_id=7", "limit=-1", "target=", "sort=up"])
def test_a_bad_parameter_of_runs_is_refused_by_name(
    app: Flask, api: FlaskClient, query: str
) -> None:
    response = api.get(f"/osm/api/runs?{query}")
    assert response.status_code == 400
    assert response.json["message"].startswith(query.partition("=")[0] + ": ")


@pytest.mark.parametrize("key", ["8", "uuid-8", "9223372036854775808", "%00", "9" * 5000, "²"])
@pytest.mark.parametrize("part", ["", "/steps", "/artifacts"])
def test_a_run_that_is_not_there_is_not_found(
    app: Flask, api: FlaskClient, key: str, part: str
) -> None:
    response = api.get(f"/osm/api/runs/{key}{part}")
    assert response.status_code == 404
    assert response.json["message"].startswith("There is no run ")


def test_the_steps_of_a_run_come_in_its_order(app: Flask, api: FlaskClient) -> None:
    write_run_7(app)
    assert api.get("/osm/api/runs/uuid-7/steps?limit=1").text == (
        '{"data":[{"id":2,"run_id":7,"step_name":"step-1","step_type":"bash",'
        '"status":"completed","command":"echo 1","output":"output of 1\\n","error":"",'
        '"started_at":"2026-11-20T10:00:01Z","completed_at":"2026-11-20T10:00:01.500000Z",'
        '"duration_ms":500,"created_at":"2026-11-20T10:00:01Z",'
        '"updated_at":"2026-11-20T10:00:01.500000Z",'
        '"run_uuid":"uuid-7","workspace":"example.com","module_name":"","position":1,'
        '"recovered":"","exports":{"a":[1]}}],'
        '"pagination":{"total":2,"offset":0,"limit":1}}\n'
    )
    answer = api.get("/osm/api/runs/7/steps?offset=1").json
    assert [step["id"] for step in answer["data"]] == [1]
    assert answer["pagination"] == {"total": 2, "offset": 1, "limit": 20}


def test_the_artifacts_of_a_run_come_in_pages(app: Flask, api: FlaskClient) -> None:
    write_run_7(app)
    assert api.get("/osm/api/runs/7/artifacts?limit=1").text == (
        '{"data":[{"id":1,"run_id":7,"workspace":"example.com","name":"out-1.txt",'
        '"artifact_path":"/w/out-1.txt","artifact_type":"","content_type":"","size_bytes":0,'
        '"line_count":0,"optional":false,"description":"",'
        '"created_at":"2026-11-20T10:00:00Z"}],'
        '"pagination":{"total":2,"offset":0,"limit":1}}\n'
    )
    answer = api.get("/osm/api/runs/7/artifacts?offset=1").json
    assert [artifact["name"] for artifact in answer["data"]] == ["out-2.txt"]


def test_the_names_of_workspaces_come_in_one_sorted_list(app: Flask, api: FlaskClient) -> None:
    write_three(app)
    assert api.get("/osm/api/workspace-names").text == (
        '{"data":["B","a","b"],"pagination":{"total":3,"offset":0,"limit":10000}}\n'
    )
    answer = api.get("/osm/api/workspace-names?offset=1&limit=1").json
    assert answer == {"data": ["a"], "pagination": {"total": 3, "offset": 1, "limit": 1}}


def test_of_a_uuid_in_two_sources_the_last_run_is_meant(app: Flask, api: FlaskClient) -> None:
    for name in ("one", "two"):
        write(app, [make_run("uuid-1", target=name)], source_id=make_source(app, name))
    assert api.get("/osm/api/runs/uuid-1").json["target"] == "two"


@pytest.mark.parametrize(
    "path", ["runs/7", "runs/7/steps", "runs/7/artifacts", "workspace-names", "step-results/1"]
)
@pytest.mark.parametrize("query", ["limt=5", "sort=id", "limit=5&limit=6", "offset=x"])
def test_only_a_page_can_be_asked_for(app: Flask, api: FlaskClient, path: str, query: str) -> None:
    write_run_7(app)
    response = api.get(f"/osm/api/{path}?{query}")
    assert response.status_code == 400
    assert response.json["message"].startswith(query.partition("=")[0] + ": ")


def test_a_thousand_steps_end_in_the_order_of_their_places(app: Flask, api: FlaskClient) -> None:
    steps = [make_step(1, n, position=1001 - n) for n in range(1, 1001)]
    write(app, [make_run(started_at=START - timedelta(days=1))], steps)
    answer = api.get("/osm/api/runs/1/steps?limit=1000").json
    assert [step["position"] for step in answer["data"]] == list(range(1, 1001))


@pytest.mark.parametrize(
    "path", ["runs?", "runs/7/steps?", "runs/7/artifacts?", "workspace-names?"]
)
def test_a_page_beyond_the_end_is_empty(app: Flask, api: FlaskClient, path: str) -> None:
    write_run_7(app)
    answer = api.get(f"/osm/api/{path}offset=9223372036854775807").json
    assert answer["data"] == []
    assert answer["pagination"]["total"] > 0
