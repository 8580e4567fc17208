"""A page in the second half of a list is found from its end, and is the same page."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.filters import StepFilters
from webapp.models import StepStatus
from webapp.queries import counts, nearer_end, step_sizes, step_totals
from webapp.queries.nearer_end import find_from_nearer_end
from webapp.queries.state import keep_state
from webapp.queries.step_totals import count_steps
from webapp.queries.steps import LIST_COLUMNS, find_step_ids, find_steps

from .data import START, make_run, make_step, write

N = 60
# Each list has ties in its order, and steps that never began.
LISTS = (
    StepFilters(),
    StepFilters(status=("completed",)),
    StepFilters(step_name="step"),
    StepFilters(step_name="step", min_duration_ms=1),
    StepFilters(started_after=START + timedelta(minutes=2)),
)


@pytest.fixture
def steps(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Write steps; to find one from the nearer end pays from the first page on."""
    monkeypatch.setattr(nearer_end, "FAR", 1)
    write(
        app,
        [make_run("run-1", wanted_id=1)],
        [
            make_step(
                1,
                n,
                step_name=f"step-{n % 7}",
                status=StepStatus.FAILED if n % 5 == 0 else StepStatus.COMPLETED,
                started_at=START + timedelta(minutes=n % 9) if n % 4 else None,
                duration_ms=n % 11,
            )
            for n in range(N)
        ],
    )
    return app


def ids_of(filters: StepFilters, exact: bool = True) -> list[int]:
    return [row.id for row in find_steps(filters, LIST_COLUMNS, exact=exact)]


@pytest.mark.parametrize("sort", ["id", "started_at", "duration_ms", "step_name"])
@pytest.mark.parametrize("turn", ["", "-"])
def test_a_page_is_the_same_from_either_end(steps: Flask, sort: str, turn: str) -> None:
    with steps.app_context():
        for filters in LISTS:
            by_sort = replace(filters, sort=turn + sort)
            # A session that keeps no version finds all from the start.
            whole = ids_of(replace(by_sort, limit=N))
            keep_state()
            for limit in (1, 7, 40):
                for offset in range(0, len(whole) + 3):
                    page = replace(by_sort, limit=limit, offset=offset)
                    expected = whole[offset : offset + limit]
                    assert ids_of(page) == expected, page
                    assert list(find_step_ids(page, exact=True)) == expected, page


def asked_offsets(filters: StepFilters) -> list[int]:
    """Return the offsets by which the rows of a page are found."""
    asked = []

    def find(one: StepFilters) -> Sequence[int]:
        asked.append(one.offset)
        return find_step_ids(one)

    find_from_nearer_end(find, filters, lambda: count_steps(filters, exact=True).n)
    return asked


def test_only_the_second_half_is_found_from_the_end(steps: Flask) -> None:
    page = StepFilters(sort="step_name", limit=10)
    with steps.app_context():
        keep_state()
        assert asked_offsets(replace(page, offset=25)) == [25]
        assert asked_offsets(replace(page, offset=26)) == [24]
        assert asked_offsets(replace(page, offset=50)) == [0]
        assert asked_offsets(replace(page, offset=55)) == [0]


def test_what_is_not_far_is_not_counted_for_it(
    steps: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearer_end, "FAR", 50)
    page = StepFilters(sort="step_name", limit=10)
    with steps.app_context():
        keep_state()
        assert asked_offsets(replace(page, offset=49)) == [49]
        assert asked_offsets(replace(page, offset=50)) == [0]


def test_an_import_beside_moves_no_page(steps: Flask) -> None:
    """PostgreSQL finds the rows of another moment than it counted: then from the start."""
    filters = StepFilters(sort="duration_ms", limit=5, offset=50)

    def count() -> int:
        n = count_steps(filters).n
        # They come last, and would be the page from the end.
        later = [make_step(1, N + n, duration_ms=99) for n in range(5)]
        write(steps, [], later, source_id=1)
        return n

    with steps.app_context():
        expected = ids_of(filters)
        keep_state()
        found = find_from_nearer_end(find_step_ids, filters, count)
        assert list(found) == expected


def turn(html: str, name: str) -> str:
    """Return where a link of the pager leads."""
    found = re.search(rf'href="([^"]*)" hx-get="[^"]*" id="page-{name}"', html)
    assert found, name
    return unescape(found[1])


def test_the_last_page_of_an_exact_total_stays_exact(
    steps: Flask, signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "COUNTED", 10)
    monkeypatch.setattr(step_totals, "WALKED", 10)
    monkeypatch.setattr(step_sizes, "RARE", 0)
    some = "/steps?step_name=step&min_duration_ms=1&limit=20"
    assert 'id="page-last"' not in signed_in.get(some).text

    last = turn(signed_in.get(f"{some}&exact=1").text, "last")
    page = signed_in.get(last).text
    assert "41–54 of 54" in page
    assert "offset=20" in turn(page, "previous") and "exact=1" in turn(page, "previous")

    fragment = {"HX-Request": "true"}
    assert "exact=1" in signed_in.get(last, headers=fragment).headers["HX-Push-Url"]
    first = signed_in.get(f"{some}&exact=1", headers=fragment)
    assert "exact" not in first.headers["HX-Push-Url"]
