"""Lists led to where the rows of a range lie: all before it was walked through, for seconds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from webapp.filters import StepFilters
from webapp.queries import step_stretches
from webapp.queries.step_stretches import find_stretch
from webapp.queries.steps import LIST_COLUMNS, find_steps

from .data import START, make_run, make_step, write

MINUTE = timedelta(minutes=1)
# The n-th step of 100 began at the n-th minute and took ten.
BEGAN_LATE = StepFilters(started_after=START + 91 * MINUTE, sort="id")
ENDED_LATE = StepFilters(ended_after=START + 96 * MINUTE, sort="started_at")


@pytest.fixture
def steps(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Write a hundred steps, of which a list looks at five to see whether it begins at once."""
    monkeypatch.setattr(step_stretches, "TRIES", ((5, 1_000),))
    steps = [
        make_step(1, n, started_at=START + n * MINUTE, completed_at=START + (n + 10) * MINUTE)
        for n in range(1, 101)
    ]
    write(app, [make_run("run-1", wanted_id=1)], steps)
    return app


def test_a_range_at_the_other_end_of_the_ids(steps: Flask) -> None:
    with steps.app_context():
        assert find_stretch(BEGAN_LATE) == {"first_id": 91, "last_id": 100}
        assert find_stretch(replace(BEGAN_LATE, sort="-id")) == {}


def test_a_range_of_ends_at_the_other_end_of_the_starts(steps: Flask) -> None:
    begun = {"first_start": START + 86 * MINUTE, "last_start": START + 100 * MINUTE}
    with steps.app_context():
        assert find_stretch(ENDED_LATE) == begun
        assert find_stretch(replace(ENDED_LATE, sort="-started_at")) == {}
        rows = find_steps(replace(ENDED_LATE, limit=3), LIST_COLUMNS)
        assert [row.id for row in rows] == [86, 87, 88]


def test_of_two_ranges_the_stretch_is_what_both_leave(steps: Flask) -> None:
    both = replace(BEGAN_LATE, ended_after=START + 104 * MINUTE)
    with steps.app_context():
        assert find_stretch(both) == {"first_id": 94, "last_id": 100}
        apart = replace(both, started_before=START + 93 * MINUTE)
        assert find_stretch(apart) == {"first_id": 94, "last_id": 92}
        assert find_steps(apart, LIST_COLUMNS) == []


def test_a_list_that_begins_at_once_is_not_led(
    steps: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with steps.app_context():
        early = replace(BEGAN_LATE, started_after=START + 5 * MINUTE)
        assert find_stretch(early) == {}
        assert find_stretch(replace(early, started_after=START + 6 * MINUTE)) != {}
        monkeypatch.setattr(step_stretches, "TRIES", ((91, 1_000),))
        assert find_stretch(BEGAN_LATE) == {}


def test_a_range_that_begins_at_once_ends_where_its_rows_end(
    steps: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What few of it pass was looked for to the end of the table."""
    monkeypatch.setattr(step_stretches, "TRIES", ((100, 1_000),))
    with steps.app_context():
        between = replace(BEGAN_LATE, started_after=START, started_before=START + 9 * MINUTE)
        assert find_stretch(between) == {"first_id": 1, "last_id": 8}
        # Not where it is large.
        monkeypatch.setattr(step_stretches, "TRIES", ((5, 7), (5, 1_000)))
        assert find_stretch(between) == {}


@pytest.mark.parametrize(
    ("tries", "is_led"),
    [
        (((5, 9),), False),
        (((5, 10),), True),
        # Larger, it has to begin further off.
        (((5, 9), (90, 10)), True),
        (((5, 9), (91, 10)), False),
        (((5, 9), (90, 9)), False),
    ],
)
def test_the_larger_a_range_the_later_it_begins_where_it_is_looked_through(
    steps: Flask,
    monkeypatch: pytest.MonkeyPatch,
    tries: tuple[tuple[int, int], ...],
    is_led: bool,
) -> None:
    monkeypatch.setattr(step_stretches, "TRIES", tries)
    with steps.app_context():
        assert find_stretch(BEGAN_LATE) == ({"first_id": 91, "last_id": 100} if is_led else {})
