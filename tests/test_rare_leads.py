"""Lists whose filters are each common, and rare together: 15 s and a 503 at ten million steps."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from webapp.filters import StepFilters
from webapp.models import Step
from webapp.queries import rare_leads, step_sizes
from webapp.queries.rare_leads import find_rare_lead
from webapp.queries.steps import LIST_COLUMNS, find_steps

from .data import START, make_run, make_step, write

# Of a hundred steps the last 40 are of a workspace, the odd runs of a workflow; both the last ten.
TOGETHER = StepFilters(
    workspace=("late.example.com",), workflow_name=("nightly",), sort="started_at", limit=5
)


@pytest.fixture
def steps(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Write steps of two workflows; what is few elsewhere is none here."""
    monkeypatch.setattr(rare_leads, "LOOKED_AT", 30)
    monkeypatch.setattr(step_sizes, "RARE", 0)
    monkeypatch.setattr(step_sizes, "COUNTED", 0)
    runs = [
        make_run("run-1", wanted_id=1, workflow_name="nightly"),
        make_run("run-2", wanted_id=2, workflow_name="recon"),
    ]
    steps = [
        make_step(
            1 if n <= 50 or n > 90 else 2,
            n,
            workspace="late.example.com" if n > 60 else "early.example.com",
            started_at=START + timedelta(minutes=n),
            duration_ms=n,
        )
        for n in range(1, 101)
    ]
    write(app, runs, steps)
    return app


def test_the_smallest_index_leads(steps: Flask) -> None:
    with steps.app_context():
        assert find_rare_lead(TOGETHER) is Step.workspace
        rows = find_steps(TOGETHER, LIST_COLUMNS)
        assert [row.id for row in rows] == [91, 92, 93, 94, 95]


def test_a_page_that_is_soon_full_is_walked_to(steps: Flask) -> None:
    with steps.app_context():
        # From the other end ten of the first 30 pass.
        newest = replace(TOGETHER, sort="-started_at")
        assert find_rare_lead(newest) is None
        assert find_rare_lead(replace(newest, offset=5)) is None
        assert find_rare_lead(replace(newest, offset=6)) is Step.workspace
        # And from this one where the list begins later.
        assert (
            find_rare_lead(replace(TOGETHER, started_after=START + timedelta(minutes=85))) is None
        )


def test_an_index_that_is_too_large_does_not_lead(
    steps: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rare_leads, "LED", 39)
    with steps.app_context():
        assert find_rare_lead(TOGETHER) is None
        # A range of durations is counted in its own index.
        lengths = replace(TOGETHER, min_duration_ms=70)
        assert find_rare_lead(lengths) is Step.duration_ms
        assert [row.id for row in find_steps(lengths, LIST_COLUMNS)] == [91, 92, 93, 94, 95]


def test_a_list_of_one_workspace_by_id_goes_along_its_index(steps: Flask) -> None:
    with steps.app_context():
        assert find_rare_lead(replace(TOGETHER, sort="id")) is None
        rows = find_steps(replace(TOGETHER, sort="id"), LIST_COLUMNS)
        assert [row.id for row in rows] == [91, 92, 93, 94, 95]
