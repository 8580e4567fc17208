"""The API of steps: keys, times, filters, and what it refuses."""

from datetime import timedelta

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.api import pages
from webapp.models import Recovered, StepStatus
from webapp.queries import step_sizes

from .data import START, make_run, make_step, write
from .statements import collected_statements

STEP_RESULTS = "/osm/api/step-results"


def ids(client: FlaskClient, query: str) -> list[int]:
    response = client.get(f"{STEP_RESULTS}?{query}")
    assert response.status_code == 200, response.text
    return [row["id"] for row in orjson.loads(response.data)["data"]]


def refusal(client: FlaskClient, query: str) -> str:
    response = client.get(f"{STEP_RESULTS}?{query}")
    assert response.status_code == 400, response.text
    assert list(response.json) == ["error", "message"]
    assert response.json["error"] is True
    return str(response.json["message"])


def write_some(app: Flask) -> None:
    """Write four steps that differ in all that is filtered by."""
    write(
        app,
        [make_run("uuid-7", wanted_id=7), make_run("uuid-8", wanted_id=8)],
        [
            make_step(7, 1, workspace="a"),
            make_step(7, 2, workspace="a", status=StepStatus.FAILED, step_type="agent"),
            make_step(8, 3, workspace="b", status=StepStatus.RUNNING, step_type="agent-acp"),
            make_step(8, 4, workspace="b", status=StepStatus.SKIPPED, step_type="agent-sdk"),
        ],
    )


def test_a_list_is_exactly_this(app: Flask, api: FlaskClient) -> None:
    """The promise, byte for byte: a step that ended between seconds, one that has not begun."""
    pending = {"started_at": None, "completed_at": None, "duration_ms": 0}
    write(
        app,
        [make_run()],
        [
            make_step(1, 1, error='"é"\t', completed_at=START + timedelta(microseconds=1_500)),
            make_step(
                1, 2, status=StepStatus.PENDING, command="", output="", updated_at=START, **pending
            ),
        ],
    )
    response = api.get(STEP_RESULTS)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.text == (
        '{"data":['
        '{"id":1,"run_id":1,"step_name":"step-1","step_type":"bash","status":"completed",'
        '"command":"echo 1","output":"output of 1\\n","error":"\\"é\\"\\t",'
        '"started_at":"2026-11-20T10:00:01Z","completed_at":"2026-11-20T10:00:00.001500Z",'
        '"duration_ms":500,"created_at":"2026-11-20T10:00:01Z",'
        '"updated_at":"2026-11-20T10:00:01.500000Z"},'
        '{"id":2,"run_id":1,"step_name":"step-2","step_type":"bash","status":"pending",'
        '"command":"","output":"","error":"",'
        '"started_at":null,"completed_at":null,'
        '"duration_ms":0,"created_at":"2026-11-20T10:00:02Z",'
        '"updated_at":"2026-11-20T10:00:00Z"}'
        '],"pagination":{"total":2,"offset":0,"limit":20}}\n'
    )


def test_one_step_is_exactly_this(app: Flask, api: FlaskClient) -> None:
    step = make_step(
        1,
        1,
        source_key="key-1",
        module_name="probe",
        recovered=Recovered.EXECUTION_LOG,
        exports={"found": 3},
    )
    write(app, [make_run("uuid-1")], [step])
    assert api.get(f"{STEP_RESULTS}/1").text == (
        '{"id":1,"run_id":1,"step_name":"step-1","step_type":"bash","status":"completed",'
        '"command":"echo 1","output":"output of 1\\n","error":"",'
        '"started_at":"2026-11-20T10:00:01Z","completed_at":"2026-11-20T10:00:01.500000Z",'
        '"duration_ms":500,"created_at":"2026-11-20T10:00:01Z",'
        '"updated_at":"2026-11-20T10:00:01.500000Z",'
        '"run_uuid":"uuid-1","workspace":"example.com","module_name":"probe","position":1,'
        '"recovered":"execution log","exports":{"found":3},'
        '"source_key":"key-1","output_bytes":12,"output_lines":1}\n'
    )


@pytest.mark.parametrize("number", ["2", "9223372036854775808", "9" * 30])
def test_a_step_that_is_not_there_is_not_found(app: Flask, api: FlaskClient, number: str) -> None:
    response = api.get(f"{STEP_RESULTS}/{number}")
    assert response.status_code == 404
    assert response.json == {"error": True, "message": f"There is no step {number}."}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3, 4]),
        ("sort=-id", [4, 3, 2, 1]),
        ("workspace=a", [1, 2]),
        ("workspace=a&workspace=b&limit=3", [1, 2, 3]),
        ("workspace=%25", []),
        ("status=completed", [1]),
        ("status=success", [1]),
        ("status=!completed", [2, 3, 4]),
        ("status=failed&status=running", [2, 3]),
        ("status=!failed&status=!running", [1, 4]),
        ("step_type=agent", [2]),
        ("step_type=agent-acp&step_type=agent-sdk", [3, 4]),
        ("step_type=!bash", [2, 3, 4]),
        ("run_id=7", [1, 2]),
        ("run_id=7&run_id=8", [1, 2, 3, 4]),
        ("run_id=9223372036854775807", []),
        ("run_uuid=uuid-8", [3, 4]),
        ("run_uuid=uuid-8&run_id=7", []),
        ("step_name=EP-3", [3]),
        ("workspace=b&status=running&step_type=agent-acp&run_id=8", [3]),
        ("offset=1&limit=2", [2, 3]),
        ("offset=9223372036854775807", []),
        ("limit=0", []),
    ],
)
def test_a_filter_finds_its_rows(
    app: Flask, api: FlaskClient, query: str, found: list[int]
) -> None:
    write_some(app)
    assert ids(api, query) == found


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=done", "status"),
        ("status=", "status"),
        ("step_type=python", "step_type"),
        ("run_id=-1", "run_id"),
        ("run_id=9223372036854775808", "run_id"),
        ("offset=-1", "offset"),
        ("limit=ten", "limit"),
        ("limit=5&limit=5", "limit"),
        ("offset=5&offset=6", "offset"),
        ("sort=workspace", "sort"),
        ("workspace=%00", "workspace"),
        ("endpoint=x", "endpoint"),
        ("Status=failed", "Status"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(
    app: Flask, api: FlaskClient, query: str, name: str
) -> None:
    assert refusal(api, query).startswith(f"{name}: ")


def test_a_refusal_tells_all_that_is_wrong_and_what_is_allowed(
    app: Flask, api: FlaskClient
) -> None:
    assert refusal(api, "sort=up&limit=x") == (
        "sort: 'up' is not allowed; allowed are id, started_at, duration_ms, step_name, "
        "-id, -started_at, -duration_ms, -step_name. "
        "limit: 'x' is not a whole number from 0 to 9223372036854775807."
    )
    many = "&".join(f"x{n}=1" for n in range(30))
    assert refusal(api, many).endswith(" And 20 more.")


def test_a_limit_above_10000_means_10000_and_says_so(app: Flask, api: FlaskClient) -> None:
    write_some(app)
    answer = api.get(f"{STEP_RESULTS}?limit=10001").json
    assert answer["pagination"] == {"total": 4, "offset": 0, "limit": 10_000}


def test_the_total_of_a_text_in_the_name_is_exact(
    app: Flask, api: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.queries.counts.COUNTED", 2)
    write_some(app)
    assert api.get(f"{STEP_RESULTS}?step_name=step&limit=1").json["pagination"]["total"] == 4


def test_one_step_takes_no_parameters(app: Flask, api: FlaskClient) -> None:
    write_some(app)
    response = api.get(f"{STEP_RESULTS}/1?run_id=7")
    assert response.status_code == 400
    assert response.json["message"] == "run_id: unknown parameter; none is allowed here."


def test_what_a_step_printed_comes_back_as_it_was(app: Flask, api: FlaskClient) -> None:
    printed = "\x1b[31m<script>alert(1)</script>\x07 \u2028 𝄞\r\n"
    write(app, [make_run()], [make_step(1, output=printed)])
    assert api.get(STEP_RESULTS).json["data"][0]["output"] == printed


def test_head_has_the_headers_and_no_body(app: Flask, api: FlaskClient) -> None:
    response = api.head(STEP_RESULTS)
    assert (response.status_code, response.data) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0


@pytest.mark.parametrize("asked", ["step_name=step", "min_duration_ms=0", "step_type=bash"])
def test_what_lies_beyond_the_end_is_not_walked_to(
    app: Flask, api: FlaskClient, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(pages, "FAR", 5)
    # As if so many passed that no index is asked how many.
    monkeypatch.setattr(step_sizes, "COUNTED", 0)
    monkeypatch.setattr(step_sizes, "RARE", 0)
    write(app, [make_run()], [make_step(1, n) for n in range(1, 6)])
    address = f"/osm/api/step-results?{asked}&sort=started_at&limit=2"
    assert [one["id"] for one in api.get(f"{address}&offset=4").json["data"]] == [5]
    with collected_statements(app) as statements:
        answer = api.get(f"{address}&offset=5")
    assert answer.json == {"data": [], "pagination": {"total": 5, "offset": 5, "limit": 2}}
    assert 'offset=4>; rel="last"' in answer.headers["Link"]
    assert not any("ORDER BY" in statement for statement in statements), statements
