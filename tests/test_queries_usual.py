"""How long runs of a workflow usually take."""

from datetime import timedelta

import pytest
from flask import Flask

from webapp.models import RunStatus
from webapp.queries.usual import Usual, find_usual_durations

from .data import START, make_run, make_source, write
from .statements import collected_statements


def write_runs(
    app: Flask, source_id: int, name: str, seconds: list[float], status: str = "completed"
) -> None:
    runs = [
        make_run(
            f"{name}-{status}-{n}",
            workflow_name=name,
            status=RunStatus(status),
            started_at=START,
            completed_at=START + timedelta(seconds=took),
        )
        for n, took in enumerate(seconds)
    ]
    write(app, runs, source_id=source_id)


def test_it_is_the_median_of_the_runs_that_ended_well(app: Flask) -> None:
    source_id = make_source(app)
    write_runs(app, source_id, "scan", [1, 2, 9])
    write_runs(app, source_id, "scan", [0.1] * 5, status="failed")
    write_runs(app, source_id, "nightly", [60, 62])
    write_runs(app, source_id, "never-well", [3], status="cancelled")
    with app.app_context():
        assert find_usual_durations(["scan", "nightly", "never-well", "unheard"]) == {
            "scan": Usual(2_000, 3),
            "nightly": Usual(61_000, 2),
        }


def test_only_the_latest_runs_count(app: Flask) -> None:
    source_id = make_source(app)
    write_runs(app, source_id, "scan", [100] * 30 + [1] * 20)
    with app.app_context():
        assert find_usual_durations(["scan"]) == {"scan": Usual(1_000, 20)}


@pytest.mark.parametrize(
    ("names", "statements"),
    [([], 0), (["a"], 1), (["a", "b", "a"], 1), ([f"name-{n}" for n in range(500)], 3)],
)
def test_one_statement_tells_of_200_workflows(
    app: Flask, names: list[str], statements: int
) -> None:
    with app.app_context(), collected_statements(app) as found:
        find_usual_durations(names)
    assert len(found) == statements
