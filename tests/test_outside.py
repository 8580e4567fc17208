"""The total of a wide range is what is left of all without the few outside of it."""

import itertools
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from webapp.filters import MAX_INTEGER, StepFilters
from webapp.ingest.records import StepRecord
from webapp.models import StepStatus
from webapp.queries import outside, step_sizes
from webapp.queries.outside import count_by_outside
from webapp.queries.step_totals import count_steps

from .data import START, make_run, make_step, write
from .statements import collected_statements, explain_statements, without_versions

N = 400


def at(minute: int) -> Any:
    return START + timedelta(minutes=minute)


def _step(n: int) -> StepRecord:
    """Return a step; each 20th never began, each 40th has not ended."""
    return make_step(
        1,
        n,
        status=list(StepStatus)[n % 5],
        step_type=("bash", "http", "llm")[n % 3],
        started_at=at(n % 50) if n % 20 else None,
        completed_at=at(n % 60) if n % 40 else None,
        duration_ms=n % 30,
    )


@pytest.fixture
def steps(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[StepRecord]:
    """Write steps; what is few elsewhere is none here, and a quarter is few outside."""
    monkeypatch.setattr(outside, "FEW", 4)
    monkeypatch.setattr(step_sizes, "RARE", 0)
    monkeypatch.setattr(step_sizes, "COUNTED", 0)
    records = [_step(n) for n in range(N)]
    write(app, [make_run("run-1", wanted_id=1)], records)
    return records


def passes(step: StepRecord, filters: StepFilters) -> bool:
    started, ended = step.started_at, step.completed_at
    (after, before), (ended_after, ended_before) = filters.started_range(), filters.ended_range()
    least, most = filters.min_duration_ms, filters.max_duration_ms
    return all(
        (
            not filters.status or is_one_of(step.status.value, filters.status),
            not filters.step_type or is_one_of(step.step_type, filters.step_type),
            after is None or (started is not None and started >= after),
            before is None or (started is not None and started < before),
            ended_after is None or (ended is not None and ended >= ended_after),
            ended_before is None or (ended is not None and ended < ended_before),
            not filters.has_durations or step.status in ("completed", "failed"),
            least is None or step.duration_ms >= least,
            most is None or step.duration_ms <= most,
        )
    )


def is_one_of(value: str, wanted: tuple[str, ...]) -> bool:
    plain = [one for one in wanted if not one.startswith("!")]
    return (not plain or value in plain) and f"!{value}" not in wanted


RANGES: tuple[dict[str, Any], ...] = (
    {"started_after": at(2)},
    {"started_before": at(45)},
    {"started_after": at(3), "started_before": at(48)},
    {"started_after": at(40)},
    {"ended_after": at(2)},
    {"ended_before": at(58)},
    {"ended_after": at(1), "ended_before": at(59)},
    {"min_duration_ms": 3},
    {"max_duration_ms": 27},
    {"min_duration_ms": 2, "max_duration_ms": 28},
    {"min_duration_ms": 0, "max_duration_ms": MAX_INTEGER},
    {"min_duration_ms": 20},
)
STATUSES = ((), ("completed",), ("failed", "running"), ("!completed",), ("pending",))
TYPES = ((), ("bash",), ("!bash",))


def test_a_total_by_what_is_outside_is_that_of_what_is_inside(
    app: Flask, steps: list[StepRecord]
) -> None:
    n_found = 0
    with app.app_context():
        for values, status, kind in itertools.product(RANGES, STATUSES, TYPES):
            filters = replace(StepFilters(status=status, step_type=kind), **values)
            n = sum(passes(step, filters) for step in steps)
            found = count_by_outside(filters)
            assert found in (None, n), filters
            assert count_steps(filters, exact=True) == (n, True), filters
            n_found += found is not None
    # Ten of the ranges are wide. Of pending steps none has a duration; and where a type is asked
    # for too, the steps of one status are few beside all, whose index of starts has it.
    n_one_status_and_type = 3 * 2 * 2
    assert n_found == len(TYPES) * (6 * 5 + 4 * 4) - n_one_status_and_type


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"started_after": at(2), "min_duration_ms": 3},
        {"started_after": at(2), "workspace": ("example.com",)},
        {"started_after": at(2), "step_name": "step"},
    ],
)
def test_not_where_it_does_not_pay_or_is_not_known(
    app: Flask, steps: list[StepRecord], values: dict[str, Any]
) -> None:
    filters = StepFilters(**values)
    with app.app_context():
        assert count_by_outside(filters) is None


@pytest.mark.parametrize(
    "values",
    [
        {"started_after": at(9), "started_before": at(9)},
        {"ended_after": at(59), "ended_before": at(1)},
        {"min_duration_ms": 9, "max_duration_ms": 8},
    ],
)
def test_an_empty_range_has_none(
    app: Flask, steps: list[StepRecord], values: dict[str, Any]
) -> None:
    with app.app_context():
        assert count_steps(StepFilters(**values), exact=True) == (0, True)


def test_neither_side_is_looked_at_further_than_it_pays(
    app: Flask, steps: list[StepRecord]
) -> None:
    # A quarter is 100. Shorter than 6 are 80 steps, shorter than 9 are 120; from 13 on 93 ended.
    with app.app_context():
        assert count_by_outside(StepFilters(min_duration_ms=6)) is not None
        assert count_by_outside(StepFilters(min_duration_ms=9)) is None
        assert count_by_outside(StepFilters(min_duration_ms=13)) is None
        with collected_statements(app) as statements:
            count_by_outside(StepFilters(min_duration_ms=13))
    assert not [one for one in statements if "steps.duration_ms < " in one]


def test_what_is_inside_is_not_counted(app: Flask, steps: list[StepRecord]) -> None:
    with app.app_context(), collected_statements(app) as statements:
        count_steps(StepFilters(started_after=at(2)), exact=True)
    last = without_versions(statements)[-1]
    assert "block_counts" in last and "steps.started_at <" in last


@pytest.mark.parametrize("values", RANGES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_goes_along_the_index_of_the_range(
    app: Flask, steps: list[StepRecord], values: dict[str, Any]
) -> None:
    named = next(iter(values))
    column = {"s": "started_at", "e": "completed_at"}.get(named[0], "duration_ms")

    def look(filters: StepFilters) -> None:
        # Of a filter that is known to find nothing, nothing is asked.
        count_steps(StepFilters())
        count_by_outside(filters)

    for status, kind in itertools.product(STATUSES, TYPES):
        filters = replace(StepFilters(status=status, step_type=kind), **values)
        lines = explain_statements(app, lambda: look(filters))  # noqa: B023
        for line in lines:
            if "ix_steps" in line:
                assert "USING COVERING INDEX" in line, (filters, line)
                assert re.search(rf"\(.*{column}[=<>]", line), (filters, line)
        # Nor are the parts of all durations looked at.
        assert not any(line.startswith("SCAN step") for line in lines), (filters, lines)
