"""Queries of steps: the same rows and totals as a plain filter over all rows would give."""

import itertools
import random
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
import pytest
from flask import Flask

from webapp.api.json import STEP_KEYS
from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.ingest.writer import Writer
from webapp.models import Source, Step, StepStatus
from webapp.queries import step_conditions, step_sizes
from webapp.queries.counts import Span, count_by_value, find_span
from webapp.queries.plain import KEPT_VALUES
from webapp.queries.sqlite_json import MOST_WRITTEN, WRITTEN_BYTES
from webapp.queries.step_totals import count_steps
from webapp.queries.steps import API_COLUMNS, _build, find_steps, write_steps_page

from .data import make_run, make_step, write
from .statements import explain_statements

ROWS = 300
WORKSPACES = ("example.com", "example_com", "100%", "")
TYPES = ("bash", "function", "http", "agent-acp")
NAMES = ("run-httpx", "run_httpx", "100% done", "Scan Ports", "back\\slash", "x")


@dataclass(frozen=True)
class Row:
    """What the filters look at."""

    id: int
    run_id: int
    workspace: str
    status: str
    step_type: str
    step_name: str


@pytest.fixture
def rows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Write random steps whose counts lie in many small blocks; return them."""
    monkeypatch.setattr("webapp.models.counts.BLOCK_SIZE", 16)
    monkeypatch.setattr("webapp.models.counts.BLOCKS_PER_GROUP", 4)
    chance = random.Random(3)
    rows = [
        Row(
            id=n,
            run_id=chance.randint(1, 8),
            # The first sixty are alike, so that some blocks hold no row of the others.
            workspace=WORKSPACES[0] if n <= 60 else chance.choice(WORKSPACES),
            status=chance.choices(list(StepStatus), (1, 1, 20, 6, 3))[0],
            step_type=chance.choices(TYPES, (10, 4, 1, 1))[0],
            step_name=chance.choice(NAMES),
        )
        for n in range(1, ROWS + 1)
    ]
    runs = [make_run(f"run-{n}", wanted_id=n, run_uuid=f"uuid-{n % 7}") for n in range(1, 9)]
    write(app, runs, [_record(row) for row in rows])
    return rows


def _record(row: Row):  # type: ignore[no-untyped-def]
    return make_step(
        row.run_id,
        row.id,
        workspace=row.workspace,
        status=StepStatus(row.status),
        step_type=row.step_type,
        step_name=row.step_name,
    )


def _lets_through(filters: StepFilters, row: Row) -> bool:
    return (
        (not filters.workspace or row.workspace in filters.workspace)
        and _is_chosen(filters.status, row.status)
        and _is_chosen(filters.step_type, row.step_type)
        and (not filters.run_id or row.run_id in filters.run_id)
        and (not filters.run_uuid or f"uuid-{row.run_id % 7}" in filters.run_uuid)
        and filters.step_name.lower() in row.step_name.lower()
    )


def _is_chosen(values: tuple[str, ...], value: str) -> bool:
    plain = [one for one in values if not one.startswith("!")]
    return (not plain or value in plain) and f"!{value}" not in values


def _assert_same(rows: list[Row], filters: StepFilters) -> None:
    ids = [row.id for row in rows if _lets_through(filters, row)]
    ordered = ids[::-1] if filters.sort == "-id" else ids
    page = ordered[filters.offset : filters.offset + filters.limit]
    assert [row.id for row in find_steps(filters, API_COLUMNS)] == page, filters
    assert count_steps(filters, exact=True) == (len(ids), True), filters


@pytest.mark.parametrize("rare", [0, 10_000])
def test_every_combination_finds_what_a_plain_filter_finds(
    app: Flask, rows: list[Row], rare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rare values lead by their index, others walk the blocks: all give the same."""
    monkeypatch.setattr(step_sizes, "RARE", rare)
    combinations = itertools.product(
        ((), ("example_com",), ("100%", "example.com"), ("nowhere",)),
        ((), ("completed",), ("failed", "running"), ("!completed",), ("failed", "!failed")),
        ((), ("bash",), ("http", "agent-acp"), ("!bash", "!http")),
        ((), (3,), (3, 5, 99)),
        ((), ("uuid-1",)),
        ("", "run-h"),
    )
    with app.app_context():
        for values in combinations:
            workspace, status, step_type, run_id, run_uuid, step_name = values
            _assert_same(
                rows,
                StepFilters(
                    workspace=workspace,
                    status=status,
                    step_type=step_type,
                    run_id=run_id,
                    run_uuid=run_uuid,
                    step_name=step_name,
                    sort=random.Random(str(values)).choice(("id", "-id")),
                    offset=random.Random(str(values)).choice((0, 7, 33, 200)),
                ),
            )


@pytest.mark.parametrize("sort", ["id", "-id"])
@pytest.mark.parametrize("limit", [0, 1, 20, 10_000])
def test_pages_follow_each_other_without_gap_or_overlap(
    app: Flask, rows: list[Row], sort: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_sizes, "RARE", 0)
    with app.app_context():
        for status in ((), ("failed",), ("pending",)):
            filters = StepFilters(status=status, sort=sort, limit=limit)
            for offset in (*range(0, 320, 17), ROWS - 1, ROWS, 2**63 - 1):
                _assert_same(rows, replace(filters, offset=offset))


def test_in_a_whole_block_no_row_is_walked_over(app: Flask, rows: list[Row]) -> None:
    """A block of which the list has every id tells the nth of them; one with a gap does not."""
    with app.app_context():
        up = StepFilters(offset=100)
        down = replace(up, sort="-id")
        assert find_span(up) == Span(101, 128, 0)
        assert find_span(down) == Span(176, 201, 0)
        # The first block has no id 0; a place after a row is known as it is.
        assert find_span(replace(up, offset=9)) == Span(10, 32, 0)
        assert find_span(replace(up, offset=0), after_id=100) == Span(96, 160, 0)
    gone = [row for row in rows if row.id in (98, 205)]
    with app.app_context():
        source_id = db.session.execute(db.select(Source.id)).scalar_one()
        with Writer(db.engine, source_id) as writer:
            for row in gone:
                writer.remove_steps(row.run_id, [f"{row.run_id}/{row.id}"])
    left = [row for row in rows if row not in gone]
    with app.app_context():
        assert find_span(up) == Span(96, 128, 5)
        assert find_span(down) == Span(176, 208, 7)
        for filters in (up, down, replace(up, workspace=(WORKSPACES[0],), offset=40)):
            _assert_same(left, filters)


@pytest.mark.parametrize("name", ["%", "_", "\\", "0%", "n_h", "N-HTTP", "scan ports", "zzz", "x"])
def test_a_name_is_looked_for_as_it_stands_whatever_its_case(
    app: Flask, rows: list[Row], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        _assert_same(rows, StepFilters(step_name=name))
        # So many names that a statement cannot list them.
        for module in (step_conditions, step_sizes):
            monkeypatch.setattr(module, "LISTED_NAMES", 0)
        for filters in (
            StepFilters(step_name=name, status=("completed",), sort="-id"),
            StepFilters(step_name=name),
            StepFilters(step_name=name, status=("!failed",), step_type=("bash",)),
            StepFilters(step_name=name, workspace=(WORKSPACES[0],), sort="-id"),
            StepFilters(step_name=name, recovered="no"),
        ):
            _assert_same(rows, filters)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("others", "by"),
    [
        ({}, "<expr>=? AND step_name=?"),
        ({"status": ("failed",), "step_type": ("!bash",)}, "<expr>=? AND step_name=?"),
        ({"workspace": ("100%",)}, "workspace=?"),
    ],
)
def test_names_too_many_to_list_are_looked_up_where_their_index_holds_all_that_is_asked(
    app: Flask, monkeypatch: pytest.MonkeyPatch, others: dict[str, Any], by: str
) -> None:
    for module in (step_conditions, step_sizes):
        monkeypatch.setattr(module, "LISTED_NAMES", 0)
    for name in ("COUNTED", "RARE"):
        monkeypatch.setattr(step_sizes, name, 0)
    filters = StepFilters(step_name="n", **others)
    plan = explain_statements(app, lambda: count_steps(filters, exact=True))
    last = [line for line in plan if line.startswith(("SEARCH steps", "SCAN steps"))][-1]
    assert f"({by})" in last
    assert by == "workspace=?" or "USING COVERING INDEX" in last


def test_a_page_counts_names_so_far_and_says_so(
    app: Flask, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.queries.counts.COUNTED", 10)
    with app.app_context():
        assert str(count_steps(StepFilters(step_name="run"))) == "10+"
        assert count_steps(StepFilters(step_name="run"), exact=True).n > 10
        assert count_steps(StepFilters(run_id=(3,))).is_exact


def test_the_counts_of_each_value_add_up(app: Flask, rows: list[Row]) -> None:
    with app.app_context():
        for column in (Step.workspace, Step.status, Step.step_type):
            for filters in (StepFilters(), StepFilters(workspace=("100%",), status=("!failed",))):
                expected: dict[str, int] = {}
                for row in (row for row in rows if _lets_through(filters, row)):
                    value = getattr(row, column.key)
                    expected[value] = expected.get(value, 0) + 1
                assert count_by_value(column, filters) == expected


def test_an_empty_database_has_no_steps(app: Flask) -> None:
    with app.app_context():
        for filters in (StepFilters(), StepFilters(run_uuid=("x",)), StepFilters(step_name="x")):
            assert list(find_steps(filters, API_COLUMNS)) == []
            assert count_steps(filters, exact=True).n == 0


@pytest.mark.parametrize("rare", [0, 10_000])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_page_scans_the_table_or_sorts(
    app: Flask, rows: list[Row], rare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_sizes, "RARE", rare)
    single = itertools.product(
        ((), ("example_com",)), ((), ("failed",)), ((), ("bash",)), ((), (3,)), ("id", "-id")
    )
    for workspace, status, step_type, run_id, sort in single:
        filters = StepFilters(
            workspace=workspace, status=status, step_type=step_type, run_id=run_id, sort=sort
        )
        for line in explain_statements(app, partial(_ask_for_page, filters)):
            assert "SCAN steps" not in line and "TEMP B-TREE" not in line, filters


def _ask_for_page(filters: StepFilters) -> None:
    find_steps(filters, API_COLUMNS)
    write_steps_page(filters, STEP_KEYS)
    count_steps(filters, exact=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_page_is_written_at_once_only_where_it_is_small(app: Flask) -> None:
    """Written by the database, a page is in memory several times, and escaped."""
    run_id = write(app, [make_run()])["run-1"]
    long = WRITTEN_BYTES // MOST_WRITTEN
    outputs = ["\x1b" * long] * MOST_WRITTEN + ["\x1b" * (long + 1), "x"]
    steps = [
        make_step(run_id, n, output=output, command="") for n, output in enumerate(outputs, start=1)
    ]
    much = "e" * (WRITTEN_BYTES // 2 + 1)
    steps.append(make_step(run_id, len(steps) + 1, command=much, error=much))
    write(app, [], steps, source_id=1)
    with app.app_context():
        whole = StepFilters(limit=MOST_WRITTEN)
        written = write_steps_page(whole, STEP_KEYS)
        assert written is not None and written.ids == list(range(1, MOST_WRITTEN + 1))
        told = [orjson.loads(one) for one in written.objects]
        assert [one["output"] for one in told] == outputs[:MOST_WRITTEN]
        # One byte more, and one row more.
        assert write_steps_page(replace(whole, offset=1), STEP_KEYS) is None
        assert write_steps_page(replace(whole, limit=MOST_WRITTEN + 1), STEP_KEYS) is None
        few = write_steps_page(replace(whole, limit=2, offset=MOST_WRITTEN), STEP_KEYS)
        assert few is not None and few.ids == [MOST_WRITTEN + 1, MOST_WRITTEN + 2]
        # A command and an error can be long too.
        for keys in (("command",), ("id", "error")):
            assert write_steps_page(StepFilters(limit=2, offset=MOST_WRITTEN), keys) is not None
            assert write_steps_page(StepFilters(limit=2, offset=MOST_WRITTEN + 1), keys) is None
        # Without a text the size does not matter, and of other filters there are too many.
        assert write_steps_page(replace(whole, offset=1), ("id", "status")) is not None
        assert write_steps_page(replace(whole, run_id=(run_id,)), STEP_KEYS) is None


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("n", "n_kept"), [(KEPT_VALUES, 1), (KEPT_VALUES + 1, 0)])
@pytest.mark.parametrize("name", ["workspace", "run_id"])
def test_a_statement_of_many_values_is_not_kept(app: Flask, name: str, n: int, n_kept: int) -> None:
    names = (WORKSPACES[0], *(f"none-{one}" for one in range(1, n)))
    values = tuple(range(n)) if name == "run_id" else names
    filters = StepFilters(**{name: values}, sort="-started_at")  # type: ignore[arg-type]
    _build.cache_clear()
    with app.app_context():
        find_steps(filters, API_COLUMNS)
    assert _build.cache_info().currsize == n_kept


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sort", ["id", "-id"])
def test_rows_that_follow_one_another_are_read_at_once(
    app: Flask, rows: list[Row], sort: str
) -> None:
    """To find their ids first, and to look each up then, took a third longer."""
    page = StepFilters(sort=sort, limit=7)
    of_status = replace(page, status=("completed",))
    # The newest block of ids is not full, so that some have to be skipped.
    deeper = (replace(page, offset=5), sort == "id")
    with app.app_context():
        _assert_same(rows, page)
    for filters, is_direct in ((page, True), deeper, (of_status, False)):
        lines = explain_statements(app, lambda: find_steps(filters, API_COLUMNS))  # noqa: B023
        assert any("steps USING COVERING INDEX" in line for line in lines) is not is_direct, lines
        assert any(line.startswith("SEARCH steps USING INTEGER PRIMARY KEY") for line in lines)
