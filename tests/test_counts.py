"""The kept counts: always those of the rows, found out when they are not, and mended online."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from webapp.extensions import db
from webapp.ingest.counters import get_counter, set_counter
from webapp.ingest.locking import locked
from webapp.ingest.rebuilding import COUNTER, rebuild_counts
from webapp.ingest.writer import Writer
from webapp.models import (
    BlockCount,
    Run,
    Step,
    StepCount,
    StepDurationPart,
    StepName,
    StepNamePart,
    StepStatus,
)
from webapp.models.counts import BLOCK_SIZE, BLOCKS_PER_GROUP
from webapp.models.parts import PART_BITS
from webapp.queries.state import find_version

from .data import find_differences, make_run, make_source, make_step, skip_ids, write
from .server import PROJECT
from .test_cli import run, succeed

RUNS = (1, 2)
KEYS = tuple("abcdefgh")
# Where a block, a part, a group of blocks, and the next begin.
BORDERS = (
    BLOCK_SIZE,
    1 << PART_BITS,
    BLOCK_SIZE * BLOCKS_PER_GROUP,
    BLOCK_SIZE * BLOCKS_PER_GROUP * 2,
)
EMPTIED = (
    "DELETE FROM step_counts",
    "DELETE FROM block_counts",
    "UPDATE runs SET steps_completed = 0",
)

Counts = dict[tuple[Any, ...], int]


@dataclass(frozen=True)
class Put:
    """Write a step, or change it if it is there."""

    key: str
    run_id: int
    workspace: str
    status: StepStatus
    step_type: str
    step_name: str
    duration_ms: int


@dataclass(frozen=True)
class Remove:
    """Delete those of the steps that the run has."""

    run_id: int
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Jump:
    """Let the next id be one of the last before a border."""

    last_id: int


ACTS = st.lists(
    st.one_of(
        st.builds(
            Put,
            st.sampled_from(KEYS),
            st.sampled_from(RUNS),
            st.sampled_from(["one", "two", ""]),
            st.sampled_from(StepStatus),
            st.sampled_from(["bash", "http"]),
            st.sampled_from(["scan", "probe"]),
            st.sampled_from([0, 500, 2**40]),
        ),
        st.builds(
            Remove,
            st.sampled_from(RUNS),
            st.lists(st.sampled_from(KEYS), max_size=3).map(tuple),
        ),
        st.builds(Jump, st.sampled_from(BORDERS).flatmap(lambda n: st.integers(n - 3, n))),
        st.just("flush"),
    ),
    min_size=4,
    max_size=25,
)


def count_rows() -> Counts:
    """Count all steps by everything that is counted, one by one."""
    found: Counter[tuple[Any, ...]] = Counter()
    columns = (Step.id, Step.workspace, Step.status, Step.step_type, Step.run_id)
    for step_id, workspace, status, step_type, run_id in db.session.execute(select(*columns)):
        block = step_id // BLOCK_SIZE
        for one in (block, -2 - block // BLOCKS_PER_GROUP, -1):
            found["step_counts", one, workspace, status, step_type] += 1
            found["block_counts", one, status, step_type] += 1
        found["runs", run_id, status] += 1
    db.session.rollback()
    return dict(found)


def read_counts() -> Counts:
    """Return all kept counts but those that are 0."""
    found: Counts = {}
    for row in db.session.execute(select(StepCount)).scalars():
        found["step_counts", row.block, row.workspace, row.status, row.step_type] = row.n
    for one in db.session.execute(select(BlockCount)).scalars():
        found["block_counts", one.block, one.status, one.step_type] = one.n
    for a_run in db.session.execute(select(Run)).scalars():
        for status in StepStatus:
            found["runs", a_run.id, status.value] = getattr(a_run, f"steps_{status}")
    db.session.rollback()
    return {key: n for key, n in found.items() if n}


def change(app: Flask, *statements: str) -> None:
    """Change the database behind the writer's back."""
    with app.app_context():
        for statement in statements:
            db.session.execute(text(statement))
        db.session.commit()


@pytest.fixture
def source_id(app: Flask) -> int:
    """Return the source of two runs without steps."""
    source_id = make_source(app)
    write(app, [make_run(f"run-{n}", wanted_id=n) for n in RUNS], source_id=source_id)
    return source_id


@pytest.mark.parametrize(
    ("database_url", "examples"),
    [("sqlite", 25), ("postgresql", 10)],
    indirect=["database_url"],
)
def test_whatever_is_written_the_counts_are_those_of_the_rows(
    app: Flask, source_id: int, examples: int
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(ACTS)
    def act_out(acts: list[Put | Remove | Jump | str]) -> None:
        _act_out(source_id, acts)
        assert read_counts() == count_rows()
        assert find_differences() == []

    with app.app_context():
        act_out()


def _act_out(source_id: int, acts: list[Put | Remove | Jump | str]) -> None:
    """Begin without steps, and do what is to be done."""
    with locked(db.engine) as connection:
        for model in (Step, StepCount, BlockCount, StepName, StepNamePart, StepDurationPart):
            connection.execute(delete(model))
        connection.execute(update(Run).values({f"steps_{one}": 0 for one in StepStatus}))
        set_counter(connection, "steps", 0)
    writer, taken = Writer(db.engine, source_id), set[str]()
    for act in acts:
        if not isinstance(act, Put):
            writer.flush()
        elif act.key in taken:
            # A writer takes each key once: this is the next import.
            writer.flush()
            writer, taken = Writer(db.engine, source_id), set()
        if isinstance(act, Put):
            taken.add(act.key)
            writer.put_step(_record(act))
        elif isinstance(act, Remove):
            writer.remove_steps(act.run_id, act.keys)
        elif isinstance(act, Jump):
            skip_ids(act.last_id)
    writer.flush()


def _record(put: Put):  # type: ignore[no-untyped-def]
    return make_step(
        put.run_id,
        source_key=put.key,
        workspace=put.workspace,
        status=put.status,
        step_type=put.step_type,
        step_name=put.step_name,
        duration_ms=put.duration_ms,
    )


# What is done to the counts of nine steps in two workspaces, and how many are wrong then.
TAMPERED = (
    (["UPDATE step_counts SET n = n + 1 WHERE block = 0 AND workspace = 'one'"], 1),
    (["UPDATE step_counts SET n = 0 WHERE block = -2 AND workspace = 'two'"], 1),
    (["DELETE FROM step_counts WHERE block = -1 AND workspace = 'one'"], 1),
    (["UPDATE block_counts SET n = n - 1 WHERE block = 0"], 1),
    (["UPDATE block_counts SET n = n - 1 WHERE block = -2"], 1),
    (["DELETE FROM block_counts WHERE block = -1"], 1),
    (["INSERT INTO step_counts VALUES (77, 'three', 'failed', 'llm', 9)"], 1),
    (["INSERT INTO block_counts VALUES (-9, 'failed', 'llm', 9)"], 1),
    (["UPDATE runs SET steps_failed = 3 WHERE id = 2"], 1),
    (["DELETE FROM step_names WHERE name = 'step-3'"], 1),
    (["DELETE FROM step_name_parts WHERE step_name IN ('step-3', 'step-4')"], 2),
    (["DELETE FROM step_duration_parts"], 1),
    # It has another name and duration: the old ones, once there, may stay.
    (["UPDATE steps SET step_name = 'new', duration_ms = 7 WHERE id = 2"], 3),
    # Of its workspace and of all, each in the block, its group and the totals; and its run's.
    (["DELETE FROM steps WHERE id = 1"], 7),
    (EMPTIED, 10),
)


def write_nine_steps(app: Flask, source_id: int) -> None:
    steps = [make_step(1, n, workspace=("one", "two")[n % 2]) for n in range(1, 10)]
    write(app, [], steps, source_id=source_id)


def test_a_wrong_count_is_found_and_mended(app: Flask, source_id: int) -> None:
    write_nine_steps(app, source_id)
    for statements, n_wrong in TAMPERED:
        change(app, *statements)
        with app.app_context():
            assert len(find_differences()) == n_wrong, statements
            assert rebuild_counts(db.engine) == n_wrong
            assert find_differences() == []
            assert read_counts() == count_rows(), statements


def test_totals_that_were_kept_elsewhere_are_asked_anew_after_a_mending(
    app: Flask, source_id: int
) -> None:
    write_nine_steps(app, source_id)
    change(app, "UPDATE block_counts SET n = 1234 WHERE block = -2")
    with app.app_context():
        versions = {find_version()}
        for n_mended in (1, 0):
            assert rebuild_counts(db.engine) == n_mended
            db.session.rollback()
            versions.add(find_version())
    assert len(versions) == 2


def test_the_commands_say_what_is_wrong_and_mend_it(app: Flask, source_id: int) -> None:
    write_nine_steps(app, source_id)
    assert succeed(app, "counts", "check") == "ok: 9 steps, 19 counts\n"
    change(app, "UPDATE block_counts SET n = 1234 WHERE block = -2")
    found = run(app, "counts", "check")
    assert (found.exit_code, found.stderr) == (1, "")
    assert found.stdout == (
        "          kept        counted  of\n"
        "         1,234              9  block_counts block=-2 status='completed' step_type='bash'\n"
        "'flask counts rebuild' mends them.\n"
    )
    assert succeed(app, "counts", "rebuild") == "Mended 1 count.\n"
    assert succeed(app, "counts", "rebuild") == "Mended 0 counts.\n"
    assert succeed(app, "counts", "check").startswith("ok: ")


def test_what_is_wrong_is_named_with_both_numbers_and_not_without_end(
    app: Flask, source_id: int
) -> None:
    write(app, [], [make_step(1, n, workspace=f"w{n}\n") for n in range(1, 9)], source_id=source_id)
    change(app, "UPDATE step_counts SET n = 5 WHERE block = -1 AND workspace = 'w3\n'")
    lines = run(app, "counts", "check").stdout.splitlines()
    assert [line.split(maxsplit=2) for line in lines[:2]] == [
        ["kept", "counted", "of"],
        [
            "5",
            "1",
            r"step_counts block=-1 workspace='w3\n' status='completed' step_type='bash'",
        ],
    ]
    change(app, *EMPTIED)
    lines = run(app, "counts", "check").stdout.splitlines()
    assert lines[21:] == ["and 8 more.", "'flask counts rebuild' mends them."]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few steps be many blocks, and few differences many transactions."""
    monkeypatch.setattr("webapp.models.counts.BLOCK_SIZE", 16)
    monkeypatch.setattr("webapp.models.counts.BLOCKS_PER_GROUP", 4)
    monkeypatch.setattr("webapp.ingest.rebuilding.BATCH_DIFFERENCES", 10)


@pytest.mark.usefixtures("small_blocks")
def test_rebuilds_while_a_writer_writes_leave_the_counts_right(app: Flask, source_id: int) -> None:
    write(app, [], [make_step(1, n) for n in range(1, 150)], source_id=source_id)
    change(app, *EMPTIED)

    def write_more() -> None:
        with app.app_context(), Writer(db.engine, source_id) as writer:
            for first in range(100, 400, 50):
                for n in range(first, first + 60):
                    writer.put_step(
                        make_step(2, n, status=StepStatus(("failed", "running")[n % 2]))
                    )
                writer.flush()
                writer.remove_steps(1, [f"1/{first // 5}"])

    def rebuild_often() -> int:
        with app.app_context():
            return sum(rebuild_counts(db.engine) for _ in range(3))

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write_more)
        rebuilding = [pool.submit(rebuild_often) for _ in range(2)]
        writing.result()
        assert sum(one.result() for one in rebuilding) > 0
    with app.app_context():
        assert find_differences() == []
        assert db.session.scalar(select(func.count()).select_from(Step)) > 350


SLOW_REBUILD = """
import webapp.ingest.rebuilding as rebuilding, webapp.models.counts as counts
from webapp import create_app
from webapp.extensions import db
counts.BLOCK_SIZE, counts.BLOCKS_PER_GROUP, rebuilding.BATCH_DIFFERENCES = 16, 4, 1
with create_app().app_context():
    rebuilding.rebuild_counts(db.engine)
"""


@pytest.mark.usefixtures("small_blocks")
def test_a_killed_rebuild_leaves_each_count_as_it_was_or_as_it_is_right(
    app: Flask, source_id: int
) -> None:
    steps = (make_step(1, n, workspace=f"w{n % 20}") for n in range(1, 320))
    write(app, [], steps, source_id=source_id)
    with app.app_context():
        right = read_counts()
    change(app, *EMPTIED)
    _kill_when_it_has_begun(app)
    with app.app_context():
        kept = read_counts()
        assert kept.items() <= right.items()
        assert 0 < len(kept) < len(right)
        assert rebuild_counts(db.engine) == len(right) - len(kept)
        assert find_differences() == []
        assert read_counts() == right


def _kill_when_it_has_begun(app: Flask) -> None:
    env = {
        **os.environ,
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SECRET_KEY": app.config["SECRET_KEY"],
    }
    with subprocess.Popen([sys.executable, "-c", SLOW_REBUILD], cwd=PROJECT, env=env) as process:
        with app.app_context():
            for _ in _often(120):
                with db.engine.connect() as connection:
                    if get_counter(connection, COUNTER) or process.poll() is not None:
                        break
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def _often(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.01)
