"""A page in the second half of a list is found from its end, and is the same page."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.api import pages
from webapp.audit import record_alone
from webapp.filters import StepFilters
from webapp.models import Action, StepStatus
from webapp.queries import counts, facets, nearer_end, rare_leads, step_sizes, step_totals
from webapp.queries.nearer_end import find_from_nearer_end
from webapp.queries.state import keep_state
from webapp.queries.steps import LIST_COLUMNS, find_step_ids, find_steps

from .data import START, make_run, make_step, write
from .statements import noted_statements

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
    """Write steps, of which none is near."""
    monkeypatch.setattr(nearer_end, "NEAR", 0)
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
        keep_state()
        for filters in LISTS:
            by_sort = replace(filters, sort=turn + sort)
            # Where an offset is 0, no end is nearer.
            whole = ids_of(replace(by_sort, limit=N))
            for limit in (0, 1, 7, 40):
                for offset in range(0, len(whole) + 3):
                    page = replace(by_sort, limit=limit, offset=offset)
                    expected = whole[offset : offset + limit]
                    assert ids_of(page) == expected, page
                    assert list(find_step_ids(page, exact=True)) == expected, page


def asked_offsets(filters: StepFilters, exact: bool = True) -> list[int]:
    """Return the offsets by which the rows of a page are found."""
    asked = []

    def find(one: StepFilters) -> Sequence[int]:
        asked.append(one.offset)
        return find_step_ids(one)

    find_from_nearer_end(find, filters, exact)
    return asked


def test_only_the_second_half_is_found_from_the_end(steps: Flask) -> None:
    page = StepFilters(sort="step_name", limit=10)
    with steps.app_context():
        # A session that keeps no version could not tell whether the history has changed.
        assert asked_offsets(replace(page, offset=50)) == [50]
        keep_state()
        assert asked_offsets(replace(page, offset=25)) == [25]
        assert asked_offsets(replace(page, offset=26)) == [24]
        assert asked_offsets(replace(page, offset=50)) == [0]
        assert asked_offsets(replace(page, offset=55)) == [0]


def test_what_is_near_is_not_counted_for_it(steps: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearer_end, "NEAR", 49)
    page = StepFilters(sort="step_name", limit=10)
    with steps.app_context():
        keep_state()
        assert asked_offsets(replace(page, offset=49)) == [49]
        assert asked_offsets(replace(page, offset=50)) == [0]


def test_what_would_have_to_be_counted_is_not(steps: Flask) -> None:
    own = StepFilters(step_name="step", sort="duration_ms", limit=5, offset=50)
    with steps.app_context():
        keep_state()
        assert asked_offsets(own) == [5]
        assert asked_offsets(own, exact=False) == [50]
        # The kept counts say where each page begins.
        assert asked_offsets(StepFilters(sort="id", limit=5, offset=50)) == [50]


def test_rows_that_stand_together_at_the_start_are_found_from_there(
    steps: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk from the end would go by all that came later."""
    monkeypatch.setattr(rare_leads, "LOOKED_AT", 20)
    later = [
        make_step(1, n, workspace="late.example.com", started_at=START + timedelta(days=1 + n))
        for n in range(N, 2 * N)
    ]
    write(steps, [], later, source_id=1)
    early = StepFilters(workspace=("example.com",), sort="started_at", limit=5)
    with steps.app_context():
        keep_state()
        assert asked_offsets(replace(early, offset=55)) == [55]
        assert asked_offsets(replace(early, sort="-started_at", offset=55)) == [0]
        # Of the look and of the walk after it together, so deep is no shorter.
        assert asked_offsets(replace(early, sort="-started_at", offset=40)) == [40]


def test_an_import_beside_moves_no_page(steps: Flask) -> None:
    """PostgreSQL finds the rows of another moment than it counted: then from the start."""
    filters = StepFilters(sort="duration_ms", limit=5, offset=50)

    def find(one: StepFilters) -> Sequence[int]:
        # They come last, and would be the page from the end.
        later = [make_step(1, N + n, duration_ms=99) for n in range(5)]
        write(steps, [], later, source_id=1)
        return find_step_ids(one)

    with steps.app_context():
        expected = ids_of(filters)
        keep_state()
        assert list(find_from_nearer_end(find, filters, exact=True)) == expected


@contextmanager
def bound_values(app: Flask) -> Iterator[list[Any]]:
    """Yield a list that fills with the values of each statement about steps."""
    seen: list[Any] = []

    def note(statement: str, values: Any) -> None:
        if "FROM steps" in statement and "OFFSET" in statement:
            seen.extend(values.values() if isinstance(values, dict) else values)

    with noted_statements(app, note):
        yield seen


@pytest.mark.parametrize("query", ["sort=duration_ms", "sort=-step_name&step_name=step"])
def test_the_last_page_of_the_api_is_found_from_the_end(
    steps: Flask, api: FlaskClient, query: str
) -> None:
    path = f"/osm/api/step-results?{query}&limit=7&offset"
    whole = api.get(f"{path}=0&limit=100".replace("limit=7&", "")).json["data"]
    with bound_values(steps) as values:
        rows = api.get(f"{path}=56").json["data"]
    assert rows == whole[56:] and len(rows) == 4
    assert 56 not in values and 0 in values


def test_the_ids_of_a_large_page_are_found_from_the_end(
    steps: Flask, api: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SLICE_ROWS", 5)
    path = "/osm/api/step-results?sort=duration_ms&limit"
    whole = api.get(f"{path}=100").json["data"]
    with bound_values(steps) as values:
        answer = api.get(f"{path}=8&offset=51").json
    assert answer["data"] == whole[51:59] and answer["pagination"]["total"] == N
    assert 51 not in values and 1 in values


def turn(html: str, name: str) -> str:
    """Return where a link of the pager leads."""
    found = re.search(rf'href="([^"]*)" hx-get="[^"]*" id="page-{name}"', html)
    assert found, name
    return unescape(found[1])


def count_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an exact total be dear."""
    for module in (counts, facets, step_sizes):
        monkeypatch.setattr(module, "COUNTED", 10)
    monkeypatch.setattr(step_totals, "WALKED", 10)
    monkeypatch.setattr(step_sizes, "RARE", 0)


def test_the_last_page_of_an_exact_total_stays_exact(
    steps: Flask, signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_little(monkeypatch)
    some = "/steps?step_name=step&min_duration_ms=1&limit=5"
    assert 'id="page-last"' not in signed_in.get(some).text

    last = turn(signed_in.get(f"{some}&exact=1").text, "last")
    with bound_values(steps) as values:
        page = signed_in.get(last).text
    assert 50 not in values
    assert "51–54 of 54" in page
    assert "offset=45" in turn(page, "previous") and "exact=1" in turn(page, "previous")


@pytest.mark.parametrize(
    "path",
    ["/steps?step_name=step&min_duration_ms=1&limit=20", "/runs?limit=2", "/audit-events?limit=2"],
)
def test_the_pages_of_what_was_counted_exactly_keep_asking(
    steps: Flask, signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    count_little(monkeypatch)
    write(steps, [make_run(f"more-{n}") for n in range(20)], source_id=1)
    with steps.app_context():
        for n in range(20):
            record_alone(Action.IMPORT_ASKED, f"source {n}")
    fragment = {"HX-Request": "true"}
    for query in ("&exact=1", "&offset=2&exact=1"):
        answer = signed_in.get(f"{path}{query}", headers=fragment)
        assert "exact=1" in answer.headers["HX-Push-Url"]
        assert "exact=1" in turn(answer.text, "next") and "exact=1" in turn(answer.text, "last")
    # Who filters or sorts anew did not ask for it.
    assert set(
        re.findall(r'href="[^"]*exact=1[^"]*" hx-get="[^"]*" id="([^"]*)"', answer.text)
    ) == {f"page-{name}" for name in ("first", "previous", "next", "last")}
    beyond = signed_in.get(f"{path}&offset=1000&exact=1").text
    assert re.search(r"exact=1[^>]*>Back to the first page", beyond)


def test_what_was_exact_in_any_case_need_not_be_asked_for(
    steps: Flask, signed_in: FlaskClient
) -> None:
    answer = signed_in.get("/steps?limit=20&offset=20&exact=1", headers={"HX-Request": "true"})
    assert "21–40 of 60" in answer.text
    assert "exact=1" not in answer.text and "exact=1" not in answer.headers["HX-Push-Url"]


@pytest.mark.parametrize("exact", ["2", "", "1&exact=1"])
def test_what_asks_for_an_exact_total_otherwise_is_refused(
    steps: Flask, signed_in: FlaskClient, exact: str
) -> None:
    page = signed_in.get(f"/steps?exact={exact}", follow_redirects=True).text
    assert "exact: unknown parameter" in page


def test_from_beyond_a_lower_bound_the_way_leads_to_rows(
    steps: Flask, signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_little(monkeypatch)
    page = signed_in.get("/steps?step_name=step&min_duration_ms=1&limit=20&offset=500").text
    assert "This view has 10+ rows, but no row 501." in page
    assert "offset" not in turn(page, "previous")
