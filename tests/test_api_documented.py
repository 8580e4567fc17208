"""The documented contract: its curl lines as printed, against a running server.

tests/documented holds the text of the contract: `curl-lines.sh` every command of it, a blank line
between two, and `answer.json` its example answer. The example tells of 250 steps and shows three;
so the database holds these three and 247 more.
"""

import json
import os
import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from webapp.extensions import db
from webapp.ingest.records import StepRecord
from webapp.models import StepStatus

from .data import make_run, make_step, write
from .server import running_server

DOCUMENTED = Path(__file__).parent / "documented"
CURL_LINES = DOCUMENTED.joinpath("curl-lines.sh").read_text().strip().split("\n\n")
ANSWER_TEXT = DOCUMENTED.joinpath("answer.json").read_text()
ANSWER = json.loads(ANSWER_TEXT)
TOTAL = ANSWER["pagination"]["total"]
OTHER_STATUSES = ("completed", "failed", "running", "skipped", "pending")
OTHER_TYPES = ("bash", "http", "llm", "foreach", "parallel-steps", "remote-bash", "function")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _documented_step(row: dict[str, Any]) -> StepRecord:
    times = {name: _time(row[name]) for name in row if name.endswith("_at")}
    names = ("step_name", "step_type", "command", "output", "error", "duration_ms")
    values = {name: row[name] for name in names}
    status = StepStatus(row["status"])
    workspace = "example_com"
    return make_step(
        row["run_id"], row["id"], status=status, workspace=workspace, **values, **times
    )


def _other_step(n: int) -> StepRecord:
    return make_step(
        123 + n % 4,
        n,
        status=StepStatus(OTHER_STATUSES[n % 5]),
        step_type=OTHER_TYPES[n % 7],
        workspace="example_com" if n % 3 else "other.example",
        completed_at=None if n % 5 in (2, 4) else _time("2025-01-15T12:00:00Z"),
        output="" if n % 2 else f"output of {n}\n",
    )


def _all_steps() -> list[StepRecord]:
    others = [_other_step(n) for n in range(len(ANSWER["data"]) + 1, TOTAL + 1)]
    return [*map(_documented_step, ANSWER["data"]), *others]


@pytest.fixture
def steps(app: Flask) -> list[StepRecord]:
    """Write the documented rows and the rest of the 250, in the order of their ids."""
    runs = [make_run(f"run-{n}", wanted_id=n, workspace="example_com") for n in range(123, 127)]
    steps = _all_steps()
    write(app, runs, steps)
    with app.app_context():
        db.engine.dispose()
    return steps


def _answer(command: str, base_url: str, token: str, folder: Path) -> str:
    """Run a printed command; only curl's own settings lead it to our server."""
    port = urlsplit(base_url).port
    settings = (
        f'connect-to = "localhost:8002:127.0.0.1:{port}"',
        'noproxy = "*"',
        "silent",
        "show-error",
        "fail-with-body",
    )
    (folder / ".curlrc").write_text("\n".join(settings) + "\n")
    environment = {"PATH": os.environ["PATH"], "CURL_HOME": str(folder), "TOKEN": token}
    run = subprocess.run(
        ["bash", "-euc", command], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr + run.stdout
    return run.stdout


def _expected(command: str, steps: list[StepRecord]) -> tuple[int, list[int]]:
    (url,) = re.findall(r"http://[^\s\"]+", command)
    wanted = dict(parse_qsl(urlsplit(url).query))
    offset, limit = int(wanted.pop("offset", 0)), int(wanted.pop("limit", 20))
    ids = [
        number
        for number, step in enumerate(steps, start=1)
        if all(str(getattr(step, name)) == value for name, value in wanted.items())
    ]
    return len(ids), ids[offset : offset + limit]


def test_the_document_has_seven_commands_and_thirteen_keys() -> None:
    assert len(CURL_LINES) == 7
    assert all(command.startswith("curl ") for command in CURL_LINES)
    assert {len(row) for row in ANSWER["data"]} == {13}


def test_each_command_runs_as_printed(
    steps: list[StepRecord], database_url: str, token: str, tmp_path: Path
) -> None:
    """The rows, their number, and for the documented rows the documented text."""
    with running_server(database_url) as base_url:
        for command in CURL_LINES:
            answer = json.loads(_answer(command, base_url, token, tmp_path))
            total, ids = _expected(command, steps)
            assert [row["id"] for row in answer["data"]] == ids, command
            assert list(answer) == ["data", "pagination"]
            assert list(answer["pagination"]) == ["total", "offset", "limit"]
            assert answer["pagination"]["total"] == total, command
            assert {tuple(row) for row in answer["data"]} == {tuple(ANSWER["data"][0])}
            documented = [row for row in ANSWER["data"] if row["id"] in ids]
            shown = [row for row in answer["data"] if row["id"] <= len(ANSWER["data"])]
            assert _as_printed(shown) == _as_printed(documented), command


def test_the_first_answer_is_the_documented_one_byte_for_byte(
    steps: list[StepRecord], database_url: str, token: str, tmp_path: Path
) -> None:
    """The document shows 3 of the 20 rows that its `limit` says; the other 17 are taken out."""
    with running_server(database_url) as base_url:
        text = _answer(CURL_LINES[0], base_url, token, tmp_path)
    answer = json.loads(text)
    assert len(answer["data"]) == 20
    del answer["data"][3:]
    assert _as_printed(answer) == ANSWER_TEXT.rstrip("\n")
    compact = json.dumps(ANSWER["data"], separators=(",", ":"))[:-1]
    assert text.startswith('{"data":' + compact + ",{")
    assert text.endswith('],"pagination":{"total":250,"offset":0,"limit":20}}\n')


def _as_printed(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
