"""No documented query of steps reads a whole table, or sorts more than it has to."""

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.exceptions import NotFound

from webapp.api.json import STEP_KEYS
from webapp.extensions import db
from webapp.filters import RunFilters, StepFilters
from webapp.models import StepStatus
from webapp.queries import step_sizes
from webapp.queries.run_groups import get_run_group
from webapp.queries.runs import find_runs
from webapp.queries.step_sizes import RARE
from webapp.queries.step_totals import count_steps
from webapp.queries.steps import API_COLUMNS, LIST_COLUMNS, find_steps, write_steps_page

from .conftest import make_app
from .data import make_run, make_step, write
from .shared import make_shared_database
from .statements import explain_statements

RUNS, STEPS_PER_RUN = 400, 50
# What the documentation has: a value of each, common, rare, or of no step.
SINGLE = (
    ((), ("ws-3",), ("nowhere",)),
    ((), ("completed",), ("pending",)),
    ((), ("bash",), ("llm",)),
    ((), (7,), (9_999,)),
    ((), ("run-7",)),
)
# What is taken besides: several values, and all but some.
SEVERAL = (
    ((), ("ws-3",), ("ws-3", "ws-4")),
    ((), ("failed", "running"), ("!completed",)),
    ((), ("bash", "http"), ("!bash", "!llm")),
    ((), (7,), (7, 300)),
    ((), ("run-7", "run-8")),
)
# Offset and limit; larger pages are worth a scan of a table as small as this one.
PAGES = ((0, 20), (140, 20), (15_000, 20), (900, 100), (19_990, 100))
COSTS = re.compile(r"rows=(\d+)")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """Return an application over so many steps that engines choose as with many more."""
    app = make_app(make_shared_database(request, tmp_path_factory.mktemp("plans"), "test_plans"))
    chance = random.Random(4)
    runs = [make_run(f"run-{n}", wanted_id=n, workspace=f"ws-{n % 20}") for n in range(1, RUNS + 1)]
    steps = (
        make_step(
            n,
            place,
            workspace=f"ws-{n % 20}",
            status=chance.choices(list(StepStatus), (1, 1, 85, 10, 3))[0],
            step_type=chance.choices(("bash", "function", "http", "llm"), (70, 20, 8, 2))[0],
            duration_ms=place * 100,
        )
        for n in range(1, RUNS + 1)
        for place in range(1, STEPS_PER_RUN + 1)
    )
    write(app, runs, steps)
    with app.app_context():
        if db.engine.dialect.name == "postgresql":
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
    yield app
    with app.app_context():
        db.engine.dispose()


# Either values are looked up, as here most are rare, or the blocks are walked, as for common ones.
@pytest.mark.parametrize("rare", [0, RARE])
@pytest.mark.parametrize("values", [SINGLE, SEVERAL], ids=["single", "several"])
def test_no_list_or_total_reads_a_table_or_sorts_much(
    app: Flask,
    values: tuple[tuple[tuple[Any, ...], ...], ...],
    rare: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(step_sizes, "RARE", rare)
    for place, combination in enumerate(itertools.product(*values)):
        names = ("workspace", "status", "step_type", "run_id", "run_uuid")
        offset, limit = PAGES[place % len(PAGES)]
        filters = StepFilters(**dict(zip(names, combination, strict=True)))
        filters = replace(filters, offset=offset, limit=limit)
        lines = explain_statements(app, partial(_list_and_count, filters))
        faults = [line for line in lines if _is_fault(line, filters)]
        assert faults == [], "\n".join((str(filters), *lines))


def _list_and_count(filters: StepFilters) -> None:
    find_steps(filters, API_COLUMNS)
    write_steps_page(filters, STEP_KEYS)
    count_steps(filters, exact=True)


def _is_fault(line: str, filters: StepFilters) -> bool:
    """Tell whether a line of a plan reads a table, or sorts more than a few ids or counts."""
    if re.search(r"(SCAN|Seq Scan on) (steps|runs)\b", line):
        return True
    if "TEMP B-TREE" in line:
        # The ids of several runs are put in order, few ids of several workspaces, and their counts.
        n_runs = max(len(filters.run_id), len(filters.run_uuid))
        is_of_few = max(n_runs, len(filters.workspace))
        return is_of_few < 2
    sorted_rows = COSTS.search(line) if "Sort  (" in line else None
    return sorted_rows is not None and int(sorted_rows[1]) > RARE


@pytest.mark.parametrize("order", ["id", "-id"])
@pytest.mark.parametrize(
    ("workspaces", "rare"), [(("ws-3",), -1), (("ws-3", "ws-4"), 2_000)], ids=["one", "two"]
)
def test_what_is_rare_in_workspaces_is_found_in_their_index(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    order: str,
    workspaces: tuple[str, ...],
    rare: int,
) -> None:
    """To walk all ids for it took 15 s of 10,000,000 steps, and 3 s for two workspaces."""
    monkeypatch.setattr(step_sizes, "RARE", rare)
    filters = StepFilters(
        workspace=workspaces, status=("completed",), step_type=("bash",), sort=order
    )
    plan = "\n".join(explain_statements(app, partial(_list_and_count, filters)))
    assert "Seq Scan on steps" not in plan
    if app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        assert "ix_steps_workspace_id_status_step_type (workspace=?" in plan


def test_the_runs_of_a_group_are_found_by_their_index(app: Flask) -> None:
    """SQLite uses a partial index only where its condition is written out."""
    if app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):

        def look() -> None:
            with pytest.raises(NotFound):
                get_run_group("none-such")
            find_runs(RunFilters(run_group_id=("none-such",)))

        plan = "\n".join(explain_statements(app, look))
        assert "ix_runs_run_group_id_id" in plan and "SCAN runs" not in plan


@pytest.mark.parametrize("sort", ["id", "-id", "started_at", "-started_at", "-step_name"])
def test_what_few_rows_pass_leads_in_every_order(app: Flask, sort: str) -> None:
    """SQLite walked all rows in the order of the list: 15 s of 10,000,000 steps."""
    filters = StepFilters(max_duration_ms=100, step_type=("bash",), sort=sort)
    lines = explain_statements(app, lambda: find_steps(filters, API_COLUMNS))
    plan = "\n".join(lines)
    assert "Seq Scan on steps" not in plan
    if app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        assert "step_duration_parts USING PRIMARY KEY (duration_ms<?" in plan
        assert "INDEX ix_steps_part_duration_ms_id_status_step_type (<expr>=? AND dur" in plan
        other = r"SCAN steps|SEARCH steps USING .*INDEX ix_steps_(?!part_duration)"
        assert not re.search(f"({other})", plan)


def test_what_no_row_passes_is_not_looked_for(app: Flask) -> None:
    filters = StepFilters(min_duration_ms=99_999, step_type=("bash",))
    plan = "\n".join(explain_statements(app, lambda: find_steps(filters, LIST_COLUMNS)))
    # Only counted: no order, no run beside it.
    assert "runs" not in plan and "duration_ms" in plan


@pytest.mark.parametrize("sort", ["id", "-started_at", "step_name"])
def test_a_page_beyond_all_that_can_pass_is_not_looked_for(app: Flask, sort: str) -> None:
    """All of a workspace was read, to find that there is no such page."""
    filters = StepFilters(workspace=("ws-3",), step_type=("llm",), offset=5_000, sort=sort)
    plan = "\n".join(explain_statements(app, lambda: find_steps(filters, LIST_COLUMNS)))
    assert "ix_steps" not in plan and "runs" not in plan, plan
    with app.app_context():
        assert find_steps(filters, LIST_COLUMNS) == []
        last = count_steps(filters).n - 1
        assert len(find_steps(replace(filters, offset=last), LIST_COLUMNS)) == 1


@pytest.mark.parametrize(
    "filters",
    [
        StepFilters(recovered="no"),
        StepFilters(recovered="no", status=("failed",)),
        StepFilters(module_name=("!probe",)),
        StepFilters(workflow_name=("!none-such",)),
        StepFilters(target=("!none-such",), step_type=("bash",)),
    ],
)
def test_what_is_not_asked_for_is_counted_by_what_it_leaves_out(
    app: Flask, filters: StepFilters
) -> None:
    """All 10,000,000 steps were read: a 503."""
    plan = "\n".join(explain_statements(app, partial(count_steps, filters, exact=True)))
    assert not re.search(r"(SCAN|Seq Scan on) steps\b", plan), plan
    with app.app_context():
        bare = replace(filters, recovered="", module_name=(), workflow_name=(), target=())
        assert count_steps(filters, exact=True) == count_steps(bare)
