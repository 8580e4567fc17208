"""Lists whose filters are each common, and rare together: 15 s and a 503 at ten million steps."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.models import Step
from webapp.queries import rare_leads, step_sizes
from webapp.queries.conditions import Column
from webapp.queries.counts import Total
from webapp.queries.rare_leads import find_rare_lead
from webapp.queries.step_totals import count_steps
from webapp.queries.steps import LIST_COLUMNS, find_steps

from .data import START, make_run, make_step, write
from .statements import explain_statements

# Of a hundred steps the last 40 are of a workspace, the odd runs of a workflow; both the last ten.
sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TOGETHER = StepFilters(
    workspace=("late.example.com",), workflow_name=("nightly",), sort="started_at", limit=5
)


@pytest.fixture
def steps(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Write steps of two workflows; what is few elsewhere is none here."""
    monkeypatch.setattr(rare_leads, "LOOKED_AT", 30)
    monkeypatch.setattr(rare_leads, "LOOKED_AT_EACH", 3)
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


def ids_of(filters: StepFilters, after_id: int | None = None) -> list[int]:
    return [row.id for row in find_steps(filters, LIST_COLUMNS, after_id)]


def assert_led(app: Flask, filters: StepFilters, by: Column, index: str, ids: list[int]) -> None:
    """Assert that a column leads, that its index is what finds the page, and what that is."""
    assert find_rare_lead(filters) is by
    assert ids_of(filters) == ids
    lines = explain_statements(app, lambda: ids_of(filters))
    assert any(index in line for line in lines), lines


@pytest.mark.parametrize("sort", ["id", "started_at", "duration_ms"])
def test_what_is_found_is_the_same_whatever_leads(steps: Flask, sort: str) -> None:
    by_sort = replace(TOGETHER, sort=sort)
    with steps.app_context():
        assert ids_of(by_sort) == [91, 92, 93, 94, 95]
        assert ids_of(replace(by_sort, sort=f"-{sort}")) == [100, 99, 98, 97, 96]
        assert ids_of(replace(by_sort, offset=6)) == [97, 98, 99, 100]


def test_the_smallest_index_leads(steps: Flask) -> None:
    with steps.app_context():
        is_sqlite = db.engine.dialect.name == "sqlite"
        # PostgreSQL decides by itself.
        assert find_rare_lead(TOGETHER) is (Step.workspace if is_sqlite else None)


@sqlite_only
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


@sqlite_only
def test_of_a_list_that_is_not_rare_a_deep_page_is_walked_to(steps: Flask) -> None:
    with steps.app_context():
        # All of the first 40 pass, more than are looked at of a first page.
        newest = replace(TOGETHER, workflow_name=(), max_duration_ms=200, sort="-started_at")
        assert find_rare_lead(replace(newest, offset=32)) is None
        assert ids_of(replace(newest, offset=32)) == [68, 67, 66, 65, 64]


@sqlite_only
def test_pages_by_cursor_are_led_too(steps: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rare_leads, "LOOKED_AT", 5)
    by_id = replace(TOGETHER, workspace=(), min_duration_ms=61, sort="id")
    with steps.app_context():
        assert find_rare_lead(by_id) is Step.duration_ms
        assert find_rare_lead(by_id, 20) is Step.duration_ms
        assert ids_of(by_id, 93) == [94, 95, 96, 97, 98]
        assert ids_of(replace(by_id, sort="-id"), 93) == [92, 91]
        # All of the next pass.
        assert find_rare_lead(by_id, 93) is None
        lines = explain_statements(steps, lambda: ids_of(by_id, 20))
        assert any("ix_steps_part_duration_ms" in line for line in lines)
        assert any("step_duration_parts" in line and "duration_ms>" in line for line in lines)


@sqlite_only
def test_an_index_that_is_too_large_does_not_lead(
    steps: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rare_leads, "LED", 39)
    monkeypatch.setattr(rare_leads, "LED_ALONE", 39)
    with steps.app_context():
        assert find_rare_lead(TOGETHER) is None
        # A range of durations is counted in its own index.
        lengths = replace(TOGETHER, min_duration_ms=70)
        assert find_rare_lead(lengths) is Step.duration_ms
        assert ids_of(lengths) == [91, 92, 93, 94, 95]


@sqlite_only
def test_an_index_that_the_list_goes_along_does_not_lead(steps: Flask) -> None:
    with steps.app_context():
        assert find_rare_lead(replace(TOGETHER, sort="id")) is None
        recent = replace(TOGETHER, workspace=(), started_after=START + timedelta(minutes=45))
        assert find_rare_lead(replace(recent, sort="id")) is Step.started_at
        assert find_rare_lead(replace(recent, limit=20)) is Step.run_id


@sqlite_only
def test_all_steps_of_a_workspace_are_counted_along_its_index(steps: Flask) -> None:
    """Those of the workflow, ten times as many, were each looked up: 15 s and a 503."""
    with steps.app_context():
        assert count_steps(TOGETHER, exact=True).n == 10
        lines = explain_statements(steps, lambda: count_steps(TOGETHER, exact=True))
        assert any("ix_steps_workspace" in line for line in lines)


def test_steps_without_a_module_are_left_out_by_the_index_of_modules(steps: Flask) -> None:
    """None of ten million steps had one: each page took 15 s, and was a 503."""
    modules = StepFilters(module_name=("!",))
    with steps.app_context():
        assert (ids_of(modules), count_steps(modules, exact=True).n) == ([], 0)
    write(steps, [], [make_step(1, 200, module_name="probe")], source_id=1)
    with steps.app_context():
        assert (ids_of(modules), count_steps(modules, exact=True).n) == ([101], 1)


@sqlite_only
def test_a_deep_page_of_a_workspace_in_another_order_is_led_by_its_index(steps: Flask) -> None:
    """Of ten million steps all were looked up in the order of their names: a 503."""
    deep = StepFilters(workspace=("late.example.com",), sort="duration_ms", limit=5, offset=20)
    with steps.app_context():
        assert_led(steps, deep, Step.workspace, "ix_steps_workspace", [81, 82, 83, 84, 85])


@sqlite_only
def test_what_lies_far_by_the_counts_is_not_looked_for(steps: Flask) -> None:
    """Of the newest all are of the workspace; the counts do not tell so, and a look would."""
    newest = StepFilters(workspace=("late.example.com",), sort="-duration_ms", limit=5)
    with steps.app_context():
        assert find_rare_lead(newest) is None
        # Of a hundred steps 40: the 16th is taken to be the 40th of all.
        assert find_rare_lead(replace(newest, offset=10)) is None
        assert find_rare_lead(replace(newest, offset=11)) is Step.workspace
        assert ids_of(replace(newest, offset=11)) == [89, 88, 87, 86, 85]


@sqlite_only
def test_a_short_page_is_led_too_where_nothing_passes_at_first(steps: Flask) -> None:
    """As many rows as were looked at are no measure of a page of one row."""
    one = replace(TOGETHER, workspace=("early.example.com",), sort="-started_at", limit=1)
    with steps.app_context():
        assert find_rare_lead(one) is not None
        assert ids_of(one) == [50]


@sqlite_only
def test_a_walk_in_an_index_that_holds_all_is_cheaper_than_rows(steps: Flask) -> None:
    """Both are of a hundred steps; those of the type would be looked up in the table."""
    kind = StepFilters(step_type=("bash",), sort="-duration_ms", limit=5, offset=95)
    with steps.app_context():
        assert count_steps(kind).n == 100
        assert find_rare_lead(kind) is None
        assert ids_of(kind) == [5, 4, 3, 2, 1]


@sqlite_only
def test_an_index_that_holds_all_that_is_asked_leads_though_it_is_larger(
    steps: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 190,000 of a type in a workflow of 400,000 steps: 15 s and a 503."""
    monkeypatch.setattr(rare_leads, "LED", 39)
    monkeypatch.setattr(rare_leads, "LED_ALONE", 60)
    deep = StepFilters(
        workflow_name=("nightly",), step_type=("!llm",), sort="-id", limit=5, offset=10
    )
    with steps.app_context():
        # The first page is soon full.
        assert find_rare_lead(replace(deep, offset=0)) is None
        assert_led(
            steps, deep, Step.run_id, "COVERING INDEX ix_steps_run_id_id", [50, 49, 48, 47, 46]
        )
        # The name is in no index that leads here, nor is the start.
        assert find_rare_lead(replace(deep, step_name="step")) is None
        assert find_rare_lead(replace(deep, sort="-started_at")) is None
        monkeypatch.setattr(rare_leads, "LED_ALONE", 59)
        assert find_rare_lead(deep) is None


@sqlite_only
def test_several_workspaces_lead_as_one_does(steps: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rare_leads, "LOOKED_AT_EACH", 1)
    both = ("late.example.com", "other.example.com")
    deep = StepFilters(workspace=both, min_duration_ms=2, limit=5, offset=33)
    with steps.app_context():
        assert_led(steps, deep, Step.workspace, "ix_steps_workspace", [94, 95, 96, 97, 98])


@sqlite_only
def test_names_that_few_steps_have_lead_a_list(steps: Flask) -> None:
    """Of ten million steps 400,000 had one of a hundred names: 15 s in the order of durations."""
    named = StepFilters(
        step_name="-9", workflow_name=("!recon",), sort="started_at", limit=5, offset=4
    )
    with steps.app_context():
        assert_led(steps, named, Step.step_name, "ix_steps_part_step_name", [94, 95, 96, 97, 98])


@sqlite_only
@pytest.mark.parametrize(
    ("filters", "index", "n"),
    [
        # Where no index holds both, the smaller one is read.
        (StepFilters(workflow_name=("nightly",), min_duration_ms=2), "ix_steps_run_id", 59),
        (StepFilters(step_name="-9", min_duration_ms=2), "ix_steps_part_step_name", 11),
        # A larger one that holds both is not read further than that.
        (
            StepFilters(status=("completed",), min_duration_ms=2),
            "COVERING INDEX ix_steps_part_duration_ms",
            99,
        ),
    ],
)
def test_an_exact_count_goes_along_the_index_that_is_cheapest(
    steps: Flask, filters: StepFilters, index: str, n: int
) -> None:
    """The durations led whatever stood beside: each of millions was looked up, a 503."""
    with steps.app_context():
        assert count_steps(filters, exact=True).n == n
        lines = explain_statements(steps, lambda: count_steps(filters, exact=True))
        assert any(index in line for line in lines), lines


@sqlite_only
@pytest.mark.parametrize(
    "slow, ids, is_sorted",
    [
        # 80 of 100 pass, so 2 of them are soon met.
        (StepFilters(min_duration_ms=21, limit=2), [100, 99], False),
        # 5 pass, and 40 are too few for a page of 9.
        (StepFilters(min_duration_ms=96, limit=2), [100, 99], True),
        (StepFilters(min_duration_ms=61, limit=9), [100, 99, 98, 97, 96, 95, 94, 93, 92], True),
        # 40 pass, all at the other end.
        (StepFilters(max_duration_ms=40, limit=2), [40, 39], True),
        # 80 pass the one filter; of the ten newest all pass the other, or none.
        (StepFilters(min_duration_ms=21, limit=2, recovered="no"), [100, 99], False),
        (
            StepFilters(min_duration_ms=21, limit=2, workspace=("early.example.com",)),
            [60, 59],
            True,
        ),
    ],
)
def test_what_an_index_finds_is_not_sorted_where_the_page_is_sooner_full(
    steps: Flask,
    monkeypatch: pytest.MonkeyPatch,
    slow: StepFilters,
    ids: list[int],
    is_sorted: bool,
) -> None:
    monkeypatch.setattr(step_sizes, "COUNTED", 100)
    newest = replace(slow, sort="-started_at")
    with steps.app_context():
        assert ids_of(newest) == ids
        lines = explain_statements(steps, lambda: ids_of(newest))
        assert any("TEMP B-TREE FOR ORDER BY" in line for line in lines) is is_sorted, lines


@sqlite_only
@pytest.mark.parametrize(
    "named, n, is_scan",
    [
        # 80 of 100 have the duration, which is more than a tenth, or 5.
        (StepFilters(step_name="e", min_duration_ms=21), 80, True),
        (StepFilters(step_name="e", min_duration_ms=96), 5, False),
        # The index of durations holds the type.
        (StepFilters(step_type=("bash",), min_duration_ms=21), 80, False),
    ],
)
def test_what_is_common_is_counted_in_the_table_as_it_lies(
    steps: Flask, monkeypatch: pytest.MonkeyPatch, named: StepFilters, n: int, is_scan: bool
) -> None:
    monkeypatch.setattr(rare_leads, "LED", 0)
    monkeypatch.setattr(rare_leads, "LED_ALONE", 0)
    with steps.app_context():
        assert count_steps(named, exact=True) == Total(n)
        lines = explain_statements(steps, lambda: count_steps(named, exact=True))
        assert any(line.endswith("SCAN steps") for line in lines) is is_scan, lines


@sqlite_only
@pytest.mark.parametrize("least_ms, n, is_scan", [(21, 80, True), (96, 5, False)])
def test_an_index_that_could_lead_does_not_where_the_table_is_sooner_read(
    steps: Flask, least_ms: int, n: int, is_scan: bool
) -> None:
    """Of two wide ranges the smaller led: 3 s at a million steps, where the table takes 0.4."""
    both = StepFilters(min_duration_ms=least_ms, started_after=START + timedelta(minutes=2))
    with steps.app_context():
        assert count_steps(both, exact=True) == Total(n)
        lines = explain_statements(steps, lambda: count_steps(both, exact=True))
        assert any(line.endswith("SCAN steps") for line in lines) is is_scan, lines


@sqlite_only
@pytest.mark.parametrize(("cheaper", "how"), [(64, "SCAN"), (1, "SEARCH")])
def test_an_index_of_durations_is_read_whole_where_that_is_sooner_than_all_its_parts(
    steps: Flask, monkeypatch: pytest.MonkeyPatch, cheaper: int, how: str
) -> None:
    """Of ten million steps eight were counted in 2.1 s, by 390,000 parts; in 0.9 s as it lies."""
    monkeypatch.setattr(rare_leads, "ENTRIES_CHEAPER", cheaper)
    long = StepFilters(min_duration_ms=30, status=("completed",))
    with steps.app_context():
        assert count_steps(long, exact=True).n == 71
        lines = explain_statements(steps, lambda: count_steps(long, exact=True))
        index = f"{how} steps USING COVERING INDEX ix_steps_part_duration_ms"
        assert lines[-1].startswith(index), lines
