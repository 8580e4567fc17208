"""The filters beyond the documented ones: the same rows as a plain filter in Python finds."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from webapp.columns import utc_now
from webapp.filters import StepFilters, part_negated
from webapp.ingest.records import RunRecord, StepRecord
from webapp.models import Recovered, StepStatus
from webapp.queries import facets, rare_leads, step_sizes
from webapp.queries.facets import StepFacets
from webapp.queries.step_totals import count_steps
from webapp.queries.steps import LIST_COLUMNS, find_steps

from .data import make_run, make_step, write, write_in_parts
from .statements import explain_statements

ROWS = 240
START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
WORKFLOWS = ("port-scan", "nightly", "recon")
TARGETS = ("example.com", "example.org")
MODULES = ("", "", "enum", "probe")
Rows = list[tuple[int, StepRecord, RunRecord]]


@pytest.fixture
def rows(app: Flask) -> Rows:
    """Write random steps of some runs, in several parts of the ids; return (id, step, run)."""
    chance = random.Random(8)
    runs = [
        make_run(
            f"run-{n}",
            wanted_id=n,
            workflow_name=WORKFLOWS[n % 3],
            target=chance.choice(TARGETS),
        )
        for n in range(1, 13)
    ]
    steps = [_step(n, chance) for n in range(1, ROWS + 1)]
    ids = write_in_parts(app, runs, steps)
    return [(n, step, runs[step.run_id - 1]) for n, step in zip(ids, steps, strict=True)]


def _step(n: int, chance: random.Random) -> StepRecord:
    status = chance.choices(list(StepStatus), (1, 1, 12, 6, 2))[0]
    has_begun = status not in (StepStatus.PENDING, StepStatus.SKIPPED)
    return make_step(
        chance.randint(1, 12),
        n,
        step_name=f"step-{chance.randrange(9)}",
        status=status,
        step_type=chance.choice(("bash", "http")),
        module_name=chance.choice(MODULES),
        recovered=chance.choices(list(Recovered), (8, 2, 1))[0],
        # Few different times and lengths, so that the id has ties to break.
        started_at=START + timedelta(minutes=chance.randrange(40)) if has_begun else None,
        completed_at=None
        if status == StepStatus.RUNNING
        else START + timedelta(minutes=40 + chance.randrange(20)),
        duration_ms=chance.randrange(0, 3_000, 100) if has_begun else 0,
    )


def lets_through(filters: StepFilters, step: StepRecord, run: RunRecord) -> bool:
    began, until = filters.started_range()
    after, before = filters.ended_range()
    least, most = filters.min_duration_ms, filters.max_duration_ms
    return (
        _is_chosen(filters.status, step.status)
        and _is_chosen(filters.workspace, step.workspace)
        and _is_chosen(filters.workflow_name, run.workflow_name)
        and _is_chosen(filters.target, run.target)
        and _is_chosen(filters.module_name, step.module_name)
        and filters.recovered in ("", "yes" if step.recovered else "no")
        and filters.step_name in step.step_name
        and (began is None or (step.started_at is not None and step.started_at >= began))
        and (until is None or (step.started_at is not None and step.started_at < until))
        and (after is None or (step.completed_at is not None and step.completed_at >= after))
        and (before is None or (step.completed_at is not None and step.completed_at < before))
        and (not filters.has_durations or step.status in ("completed", "failed"))
        and (least is None or step.duration_ms >= least)
        and (most is None or step.duration_ms <= most)
    )


def _is_chosen(values: tuple[str, ...], value: str) -> bool:
    plain, negated = part_negated(values)
    return (not plain or value in plain) and value not in negated


def expected_ids(rows: Rows, filters: StepFilters) -> list[int]:
    def place(row: tuple[int, StepRecord, RunRecord]) -> Any:
        number, step, _ = row
        value = number if name == "id" else getattr(step, name)
        return (value is not None, value if value is not None else 0, number)

    name = filters.sort.removeprefix("-")
    kept = [row for row in rows if lets_through(filters, *row[1:])]
    return [row[0] for row in sorted(kept, key=place, reverse=filters.sort.startswith("-"))]


FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"workflow_name": ("nightly",)},
    {"workflow_name": ("nightly", "recon"), "target": ("example.org",)},
    {"workflow_name": ("!nightly",)},
    {"target": ("!example.org",), "workflow_name": ("recon", "!recon")},
    {"target": ("nowhere",)},
    {"module_name": ("enum",)},
    {"module_name": ("!enum",)},
    {"module_name": ("!",)},
    {"module_name": ("!", "!enum"), "workspace": ("example.com",)},
    {"workspace": ("example.com",), "workflow_name": ("recon",), "min_duration_ms": 500},
    {"module_name": ("enum", "probe"), "recovered": "no"},
    {"recovered": "yes"},
    {"recovered": "yes", "status": ("failed",)},
    {"started_after": START + timedelta(minutes=10)},
    {"started_before": START + timedelta(minutes=10), "status": ("!completed",)},
    {"started_after": START + timedelta(minutes=5), "started_before": START + timedelta(minutes=6)},
    {"started_after": START, "min_duration_ms": 2_000, "workflow_name": ("port-scan",)},
    {"started": "1h"},
    {"ended": "1h"},
    {"ended_after": START + timedelta(minutes=50), "status": ("failed",)},
    {"ended_before": START + timedelta(minutes=50), "status": ("!completed", "!failed")},
    {"ended_after": START, "started_after": START + timedelta(minutes=20), "recovered": "no"},
    {"ended_before": START + timedelta(minutes=45), "workflow_name": ("port-scan",)},
    {"min_duration_ms": 1_500},
    {"max_duration_ms": 300},
    {"min_duration_ms": 0, "max_duration_ms": 0},
    {"min_duration_ms": 500, "step_name": "step-3", "recovered": "no"},
    {"step_name": "step-3"},
    {"step_name": "step", "status": ("failed",)},
    {"step_name": "p-3", "workflow_name": ("recon",), "started_after": START},
)
SORTS = [
    mark + name for name in ("id", "started_at", "duration_ms", "step_name") for mark in ("", "-")
]


@pytest.mark.parametrize("few", [0, 10_000])
def test_every_filter_and_order_finds_what_a_plain_filter_finds(
    app: Flask, rows: Rows, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few rows lead by their index, many are walked in order: both give the same."""
    monkeypatch.setattr(step_sizes, "RARE", few)
    monkeypatch.setattr(step_sizes, "COUNTED", few)
    with app.app_context():
        for values, sort in itertools.product(FILTERS, SORTS):
            filters = StepFilters(**values, sort=sort, offset=3, limit=15)
            expected = expected_ids(rows, filters)
            found = [row.id for row in find_steps(filters, LIST_COLUMNS)]
            assert found == expected[3:18], filters
            assert count_steps(filters).n == len(expected), filters
            assert count_steps(filters, exact=True).n == len(expected), filters
            facets = StepFacets.of(filters)
            assert facets.total.n == len(expected), filters
            if few and facets.by_status:
                total = sum(one.n for one in facets.by_status.values())
                assert total == (len(expected) if not filters.status else facets.all_statuses.n)  # type: ignore[union-attr]


def test_a_preset_is_a_range_that_ends_now(app: Flask) -> None:
    now = utc_now()
    ages = (timedelta(minutes=5), timedelta(hours=3), timedelta(days=2), timedelta(days=9))
    steps = [make_step(1, n, started_at=now - age) for n, age in enumerate(ages, 1)]
    write(app, [make_run("run-1", wanted_id=1)], steps)
    with app.app_context():
        for preset, n in (("1h", 1), ("24h", 2), ("7d", 3)):
            filters = StepFilters(started=preset)
            assert (preset, len(find_steps(filters, LIST_COLUMNS))) == (preset, n)
            assert count_steps(filters).n == n


def test_a_preset_of_the_end_leaves_out_what_has_not_ended(app: Flask) -> None:
    now = utc_now()
    begun = {"started_at": now - timedelta(hours=30)}
    ends = (now - timedelta(minutes=5), now - timedelta(hours=3), now - timedelta(hours=29), None)
    steps = [make_step(1, n, completed_at=end, **begun) for n, end in enumerate(ends, 1)]
    write(app, [make_run("run-1", wanted_id=1)], steps)
    with app.app_context():
        for preset, ids in (("1h", [1]), ("24h", [1, 2]), ("7d", [1, 2, 3])):
            filters = StepFilters(ended=preset, sort="id")
            assert [row.id for row in find_steps(filters, LIST_COLUMNS)] == ids
            assert count_steps(filters).n == len(ids)


def test_a_total_that_would_be_dear_is_a_lower_bound_until_asked_for(
    app: Flask, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.queries.counts.COUNTED", 50)
    monkeypatch.setattr(step_sizes, "COUNTED", 50)
    filters = StepFilters(started_after=START)
    with app.app_context():
        assert str(count_steps(filters)) == "50+"
        assert count_steps(filters, exact=True).n == len(expected_ids(rows, filters))


def test_a_count_looks_at_so_many_rows_and_says_so(
    app: Flask, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_sizes, "COUNTED", 0)
    monkeypatch.setattr(step_sizes, "RARE", 0)
    monkeypatch.setattr("webapp.queries.step_totals.WALKED", 60)
    with app.app_context():
        for values in FILTERS[1:]:
            filters, n = StepFilters(**values), len(expected_ids(rows, StepFilters(**values)))
            total = count_steps(filters)
            assert total.n == n if total.is_exact else total.n <= n, filters
            assert count_steps(filters, exact=True).n == n, filters
        few = count_steps(StepFilters(min_duration_ms=500, workflow_name=("!nightly",)))
        assert not few.is_exact and 0 < few.n < 60


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_list_sorts_what_it_can_walk_and_no_count_reads_rows_for_what_an_index_holds(
    app: Flask, rows: Rows, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list by id may walk the table itself, as far as a page needs."""
    monkeypatch.setattr(rare_leads, "LED", few)
    monkeypatch.setattr(rare_leads, "LED_ALONE", few)
    monkeypatch.setattr(step_sizes, "RARE", few)
    monkeypatch.setattr(step_sizes, "COUNTED", few)
    for values, sort in itertools.product(FILTERS, SORTS):
        filters = StepFilters(**values, sort=sort)
        lines = explain_statements(app, lambda: find_steps(filters, LIST_COLUMNS))  # noqa: B023
        assert sort in ("id", "-id") or not _scans(lines), (filters, lines)
        leads = few or not expected_ids(rows, filters)
        assert leads or not any("TEMP B-TREE" in line for line in lines), (filters, lines)
        lines = explain_statements(app, lambda: count_steps(filters))  # noqa: B023
        is_indexed = not (filters.module_name or filters.recovered)
        assert not is_indexed or not _scans(lines), (filters, lines)


def _scans(lines: list[str]) -> bool:
    return any(line.startswith("SCAN steps") and "INDEX" not in line for line in lines)


@pytest.mark.parametrize("few", [0, 3, 40])
def test_the_counts_beside_the_statuses_are_those_of_their_lists(
    app: Flask, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Of a status without a row in the range they were those of the whole table."""
    for module in (facets, step_sizes):
        monkeypatch.setattr(module, "COUNTED", few)
    monkeypatch.setattr("webapp.queries.counts.COUNTED", few)
    steps = [
        make_step(
            1,
            n,
            status=StepStatus.FAILED if n < 20 else StepStatus.COMPLETED,
            step_type=kind,
            started_at=START + timedelta(minutes=n),
        )
        for n, kind in zip(range(1, 101), itertools.cycle(("bash", "http")), strict=False)
    ]
    write(app, [make_run("run-1", wanted_id=1)], steps)
    statuses = ((), *((status.value,) for status in StepStatus))
    with app.app_context():
        for status, kind, after in itertools.product(statuses, ((), ("bash",), ("llm",)), (0, 60)):
            filters = StepFilters(
                started_after=START + timedelta(minutes=after), status=status, step_type=kind
            )
            found = StepFacets.of(filters)
            assert str(found.total) == str(count_steps(filters)), filters
            for value, total in (found.by_status or {}).items():
                of_status = replace(filters, status=(value,))
                n = count_steps(of_status, exact=True).n
                assert (total.n, total.is_exact) == (min(n, few), n <= few) or total.n == n, (
                    filters,
                    value,
                )
