"""Steps are found by name and duration in whatever parts of the ids they are."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, event, func, select

from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.ingest.rebuilding import rebuild_counts
from webapp.ingest.step_directory import StepDirectory, StepsOfPart
from webapp.ingest.step_values import step_values
from webapp.ingest.writer import Writer
from webapp.models import (
    Step,
    StepDurationPart,
    StepNamePart,
    part_of,
    parts_of,
    table_of,
)
from webapp.models.parts import PART_BITS
from webapp.periods import Period
from webapp.queries.overview import find_slow_steps, find_usual_step_durations
from webapp.queries.same_steps import find_same_steps
from webapp.queries.steps import LIST_COLUMNS, find_steps, get_step

from .data import (
    START,
    find_differences,
    make_run,
    make_source,
    make_step,
    skip_ids,
    write,
    write_in_parts,
)
from .statements import collected_statements, explain_statements

PART = 1 << PART_BITS
RUNS, NAMES = 30, ("find-hosts", "scan-ports", "probe")


@pytest.fixture
def ids(app: Flask) -> Sequence[int]:
    """Write three steps of each run, each longer than the one before; return their ids."""
    runs = [make_run(f"run-{n}", wanted_id=n) for n in range(1, RUNS + 1)]
    steps = [
        make_step(run_id, place, step_name=name, duration_ms=run_id * 10 + place)
        for run_id in range(1, RUNS + 1)
        for place, name in enumerate(NAMES)
    ]
    return write_in_parts(app, runs, steps)


def ids_of(filters: StepFilters) -> list[int]:
    return [row.id for row in find_steps(filters, LIST_COLUMNS)]


@pytest.mark.parametrize(
    ("ids", "parts"),
    [
        (range(1, 4), [(0, range(1, 4))]),
        (range(PART - 1, PART + 2), [(0, range(PART - 1, PART)), (1, range(PART, PART + 2))]),
        (range(PART, 2 * PART), [(1, range(PART, 2 * PART))]),
        (range(5, 5), []),
    ],
)
def test_ids_are_told_by_the_parts_that_they_are_in(
    ids: range, parts: list[tuple[int, range]]
) -> None:
    assert list(parts_of(ids)) == parts
    assert all(part_of(one) == part for part, some in parts for one in (some[0], some[-1]))


def test_the_steps_are_in_several_parts(ids: Sequence[int]) -> None:
    assert sorted({part_of(one) for one in ids}) == [0, 1, 5]


def test_the_tables_of_parts_have_what_the_steps_have_and_no_more(
    app: Flask, ids: Sequence[int]
) -> None:
    with app.app_context():
        for column, model in (
            (Step.step_name, StepNamePart),
            (Step.duration_ms, StepDurationPart),
        ):
            of_steps = db.session.execute(select(column, Step.id))
            kept = db.session.execute(select(*table_of(model).columns))
            assert set(map(tuple, kept)) == {(value, part_of(one)) for value, one in of_steps}


@pytest.mark.parametrize("part", [0, 1, 5])
@pytest.mark.parametrize("model", [StepNamePart, StepDurationPart])
def test_what_is_missing_in_any_part_is_found_and_mended(
    app: Flask, ids: Sequence[int], part: int, model: type[StepNamePart | StepDurationPart]
) -> None:
    with app.app_context():
        n = db.session.execute(delete(model).where(model.part == part)).rowcount
        db.session.commit()
        assert len(find_differences()) == n > 0
        assert {one.key[1] for one in find_differences()} == {part}
        assert rebuild_counts(db.engine) == n
        assert find_differences() == []
        assert ids_of(StepFilters(sort="duration_ms", limit=len(ids) + 1)) == list(ids)


def test_the_latest_of_a_name_come_first(app: Flask, ids: Sequence[int]) -> None:
    probes = list(ids[2::3])
    with app.app_context():
        step = get_step(probes[20])
        others = find_same_steps(step, "recon-domain")
        assert [row.id for row in others.steps] == probes[:-7:-1]
        # Of the latest twenty; of those without the step's own run.
        assert find_usual_step_durations(["probe", "unheard"]) == {"probe": 207}
        assert others.usual_ms == 197


def test_the_longest_come_first(app: Flask, ids: Sequence[int]) -> None:
    period = Period(START - timedelta(days=1), START + timedelta(days=1))
    with app.app_context():
        slow = find_slow_steps(period, 3)
    assert [one.step.id for one in slow] == [ids[-1], ids[-2], ids[-3]]


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_index_of_parts_leads_and_nothing_is_sorted(app: Flask) -> None:
    for name in ("step_name", "duration_ms"):
        for sort in (name, f"-{name}"):
            filters = StepFilters(sort=sort, limit=5)
            lines = explain_statements(app, lambda: ids_of(filters))  # noqa: B023
            plan = "\n".join(lines)
            assert f"INDEX ix_steps_part_{name}_id_status_step_type (<expr>=? AND {name}=?)" in plan
            assert "TEMP B-TREE" not in plan and "SCAN steps" not in plan, plan


def test_what_changed_is_found_by_what_it_is_now(app: Flask, ids: Sequence[int]) -> None:
    changed = make_step(3, 2, step_name="renamed", duration_ms=9_999)
    write(app, [], [changed], source_id=1)
    with app.app_context():
        assert ids_of(StepFilters(step_name="renamed", sort="duration_ms")) == [ids[8]]
        assert ids_of(StepFilters(min_duration_ms=9_000)) == [ids[8]]
        assert ids_of(StepFilters(sort="-duration_ms", limit=1)) == [ids[8]]
        assert ids[8] not in ids_of(StepFilters(step_name="probe", limit=1_000))
        assert find_differences() == []


def test_the_parts_of_steps_that_are_gone_hide_nothing(app: Flask, ids: Sequence[int]) -> None:
    with app.app_context(), Writer(db.engine, 1) as writer:
        writer.remove_steps(1, [f"1/{place}" for place in range(3)])
    with app.app_context():
        assert ids_of(StepFilters(sort="duration_ms", limit=2)) == list(ids[3:5])
        assert ids_of(StepFilters(step_name="find", sort="step_name", limit=2)) == [ids[3], ids[6]]
        assert ids_of(StepFilters(max_duration_ms=12)) == []
        assert find_differences() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_each_value_is_written_once_a_part(app: Flask) -> None:
    source_id = make_source(app)
    write(app, [make_run("run-1", wanted_id=1)], source_id=source_id)
    n_written = []
    with app.app_context(), Writer(db.engine, source_id) as writer:
        for n, last_id in enumerate((0, 0, 2 * PART, 0)):
            skip_ids(last_id)
            writer.put_step(make_step(1, n, step_name="probe"))
            with collected_statements(app) as statements:
                writer.flush()
            n_written.append(sum("INTO step_name_parts" in one for one in statements))
    with app.app_context():
        assert find_differences() == []
        parts = db.session.scalars(select(StepNamePart.part).order_by(StepNamePart.part)).all()
    assert parts == [0, 2]
    assert n_written == [1, 0, 1, 0]


def test_a_directory_forgets_parts_but_names_never(app: Flask) -> None:
    """It would grow with the table, by a row for each name and part."""
    directory = StepDirectory()
    steps = [step_values(make_step(1, n, duration_ms=n)) for n in range(100)]
    with app.app_context(), db.engine.begin() as connection:
        for part in range(50):
            directory.write(connection, [StepsOfPart(part, steps)])
        known = (directory._names, directory._names_of_part, directory._durations)
        assert [len(one) for one in known] == [100, 100, 100]
        n = connection.scalar(select(func.count()).select_from(StepDurationPart))
        assert n == 50 * 100


def test_what_a_failed_batch_took_back_is_written_with_the_next(app: Flask) -> None:
    source_id = make_source(app)
    write(app, [make_run("run-1", wanted_id=1)], source_id=source_id)
    with app.app_context():
        failing = True

        def fail(*arguments: object) -> None:
            if failing and "counters" in str(arguments[2]) and "version" in str(arguments[3]):
                raise RuntimeError("the disk is full")

        event.listen(db.engine, "before_cursor_execute", fail)
        try:
            with Writer(db.engine, source_id) as writer:
                writer.put_step(make_step(1, 1, step_name="probe"))
                with pytest.raises(RuntimeError):
                    writer.flush()
                failing = False
                writer.put_step(make_step(1, 2, step_name="probe"))
        finally:
            event.remove(db.engine, "before_cursor_execute", fail)
        assert ids_of(StepFilters(step_name="probe", sort="step_name")) == [1]
        assert find_differences() == []
