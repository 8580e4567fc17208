"""Queries of runs: few in a range of time lead, and give what the walk of all gives."""

import itertools
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from webapp.filters import RunFilters
from webapp.models import RunStatus
from webapp.queries import runs as queries
from webapp.queries.runs import find_run_rows, find_runs

from .data import START, make_run, write
from .statements import explain_statements

RUNS = 60
RANGES = (
    {"started_after": START + timedelta(minutes=20)},
    {"started_after": START + timedelta(minutes=5), "started_before": START + timedelta(minutes=9)},
    {"ended_after": START + timedelta(minutes=30)},
    {"min_duration_ms": 20_000, "max_duration_ms": 40_000},
    {"started_before": START + timedelta(minutes=40), "min_duration_ms": 30_000},
)
SORTS = ("id", "created_at", "started_at", "duration_ms", "workflow_name")


@pytest.fixture
def runs(app: Flask) -> Flask:
    """Write runs that begin a minute apart, some of them never."""
    chance = random.Random(7)
    records = []
    for n in range(1, RUNS + 1):
        began = START + timedelta(minutes=n)
        started = began if chance.random() < 0.9 else None
        ended = began + timedelta(seconds=chance.randrange(60)) if started else None
        values = {"started_at": started, "completed_at": ended, "created_at": began}
        status = RunStatus.FAILED if n % 3 else RunStatus.COMPLETED
        workflow = f"flow-{chance.randrange(4)}"
        records.append(
            make_run(f"run-{n}", wanted_id=n, status=status, workflow_name=workflow, **values)
        )
    write(app, records)
    return app


def test_few_in_a_range_lead_and_are_the_same(runs: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    n_found = 0
    with runs.app_context():
        for times, status, sort, sign in itertools.product(
            RANGES, ((), ("failed",)), SORTS, ("", "-")
        ):
            filters = RunFilters(status=status, sort=sign + sort, offset=1, limit=5, **times)
            monkeypatch.setattr(queries, "FEW_RUNS", -1)
            walked = [run.id for run in find_runs(filters)]
            everything = [run.id for run in find_runs(replace(filters, offset=0, limit=RUNS))]
            monkeypatch.setattr(queries, "FEW_RUNS", RUNS)
            assert [run.id for run in find_runs(filters)] == walked == everything[1:6], filters
            n_found += len(walked)
            if sort == "id":
                rest = find_run_rows(filters, [queries.Run.id], after_id=25)
                ids = [one for one in everything if (one < 25 if sign else one > 25)]
                assert [row[0] for row in rest] == ids[1:6], filters
    assert n_found > 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("times", "index"),
    [
        (RANGES[0], "ix_runs_started_at_id_status"),
        (RANGES[2], "ix_runs_completed_at_id_status"),
        (RANGES[3], "ix_runs_duration_ms_id"),
    ],
)
def test_few_in_a_range_are_not_looked_for_among_all(
    runs: Flask, times: dict[str, object], index: str
) -> None:
    """Where they did not fill the page, all failed runs were walked: 24 ms for 10,000."""
    for sort in ("-created_at", "-id", "workflow_name"):
        filters = RunFilters(status=("failed",), sort=sort, **times)  # type: ignore[arg-type]
        plan = explain_statements(runs, lambda: find_runs(filters))  # noqa: B023
        of_page = [line for line in plan if "ORDER BY" in line or line.startswith("SEARCH runs")]
        assert any(index in line for line in of_page), plan
        assert all(index in line or "ORDER BY" in line for line in of_page), plan
