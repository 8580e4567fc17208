"""The counts beside the values of a filter."""

import pytest
from flask import Flask

from webapp.filters import StepFilters
from webapp.models import StepStatus
from webapp.queries import facets, step_conditions, step_sizes
from webapp.queries.facets import StepFacets

from .data import START, make_run, make_step, write


@pytest.fixture
def rows(app: Flask) -> None:
    """Write 30 steps: three names in two workspaces, one failed."""
    records = [
        make_step(run_id, n, step_name=f"name-{n % 3}", workspace=f"ws-{run_id}")
        for run_id in (1, 2)
        for n in range(1, 15)
    ]
    records += [
        make_step(2, 15, step_name="name-0", workspace="ws-2", status=StepStatus.FAILED),
        make_step(2, 16, step_name="other", workspace="ws-2", step_type="llm"),
    ]
    write(app, [make_run("1"), make_run("2")], records)


def facets_of(app: Flask, **filters: object) -> StepFacets:
    with app.app_context():
        return StepFacets.of(StepFilters(**filters))  # type: ignore[arg-type]


@pytest.mark.usefixtures("rows")
def test_each_filter_leaves_itself_aside(app: Flask) -> None:
    found = facets_of(app, status=("failed",), step_type=("!llm",), workspace=("ws-2",))
    assert (found.total.n, found.overall.n) == (1, 30)
    assert found.by_status and found.by_type and found.all_statuses
    assert found.all_statuses.n == 15
    assert (found.by_status["completed"].n, found.by_status["failed"].n) == (14, 1)
    assert (found.by_type["bash"].n, found.by_type["llm"].n) == (1, 0)


@pytest.mark.usefixtures("rows")
def test_a_name_with_many_steps_is_counted_no_further_than_needed(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (facets, step_sizes):
        monkeypatch.setattr(module, "COUNTED", 10, raising=False)
    monkeypatch.setattr("webapp.queries.counts.COUNTED", 10)
    found = facets_of(app, step_name="name")
    assert (str(found.total), found.by_status) == ("10+", None)
    found = facets_of(app, step_name="name", status=("failed",))
    assert str(found.total) == "1"
    found = facets_of(app, step_name="name", workspace=("ws-1",))
    assert str(found.total) == "10+"
    found = facets_of(app, step_name="name", workspace=("ws-1",), run_id=(2,))
    assert (str(found.total), found.all_statuses and found.all_statuses.n) == ("0", 0)
    found = facets_of(app, run_id=(2,))
    assert (str(found.total), found.by_status) == ("16", None)


@pytest.mark.usefixtures("rows")
def test_a_long_range_of_time_is_counted_by_status_and_all_steps_still_exactly(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (facets, step_sizes):
        monkeypatch.setattr(module, "COUNTED", 10)
    found = facets_of(app, started_after=START)
    assert (str(found.total), found.by_type) == ("10+", None)
    assert found.by_status
    assert str(found.by_status["failed"]) == "1"
    found = facets_of(app, started_after=START, status=("failed",))
    assert (str(found.total), str(found.all_statuses)) == ("1", "10+")
    assert str(facets_of(app, sort="-started_at").total) == "30"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("range_name", ["started_after", "ended_after"])
@pytest.mark.parametrize(("status", "n"), [("failed", 1), ("skipped", 0), ("!completed", 1)])
def test_a_short_range_of_time_is_counted_by_status_with_one_chosen(
    app: Flask, range_name: str, status: str, n: int
) -> None:
    filters = {range_name: START, "status": (status,)}
    found = facets_of(app, **filters)
    assert found.by_status and found.by_type and found.all_statuses
    assert (found.total.n, found.all_statuses.n) == (n, 30)
    assert (found.by_status["completed"].n, found.by_status["failed"].n) == (29, 1)
    assert found.by_type["bash"].n == n
    found = facets_of(app, **filters, workspace=("ws-2",))
    assert (found.total.n, found.all_statuses and found.all_statuses.n) == (n, 16)


@pytest.mark.usefixtures("rows")
def test_many_different_names_are_not_taken_for_many_steps(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (step_conditions, step_sizes):
        monkeypatch.setattr(module, "LISTED_NAMES", 2)
    found = facets_of(app, step_name="name")
    assert str(found.total) == "29"
    assert found.by_status
    assert found.by_status["failed"].n == 1
