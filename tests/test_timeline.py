"""The timeline's layout: one axis, visible bars, round ticks, modules as bands."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.time_axis import MAX_TICKS, find_ticks
from webapp.timeline import MIN_WIDTH, GroupSpan, lay_out

from .data import START


@dataclass
class Step:
    """A step as the layout sees it."""

    step_name: str
    started_at: datetime | None = None
    completed_at: datetime | None = None
    status: str = "completed"
    module_name: str = ""
    duration_ms: int = 0


def step(name: str, start_ms: int, end_ms: int | None, **changes: str) -> Step:
    end = None if end_ms is None else START + timedelta(milliseconds=end_ms)
    took = (end_ms or start_ms) - start_ms
    return Step(name, START + timedelta(milliseconds=start_ms), end, duration_ms=took, **changes)


def test_rows_share_one_axis_so_that_what_ran_together_stands_together() -> None:
    timeline = lay_out([step("a", 0, 500), step("b", 250, 750), step("c", 750, 1000)])
    assert timeline
    bars = [row.bar for row in timeline.rows]
    assert [(bar.x, bar.width) for bar in bars if bar] == [(0, 50), (25, 50), (75, 25)]
    assert "Up to 2 ran at the same time." in timeline.summary


def test_steps_of_no_length_are_visible_and_stay_in_the_plot() -> None:
    timeline = lay_out([step("a", 0, 1000), step("b", 1000, 1000, status="failed")])
    assert timeline and timeline.rows[1].bar
    bar = timeline.rows[1].bar
    assert bar.width == MIN_WIDTH
    assert bar.x + bar.width <= 100


def test_a_running_step_is_open_to_the_end_of_the_axis() -> None:
    running = step("b", 500, None, status="running")
    timeline = lay_out([step("a", 0, 500), running], until=START + timedelta(seconds=2))
    assert timeline and timeline.rows[1].bar
    assert timeline.rows[1].bar.is_open
    assert (timeline.rows[1].bar.x, timeline.rows[1].bar.width) == (25, 75)
    assert timeline.rows[1].length == ""


def test_a_skipped_step_is_marked_where_the_one_before_it_ended() -> None:
    timeline = lay_out([step("a", 0, 500), Step("b", status="skipped"), step("c", 500, 1000)])
    assert timeline and timeline.rows[1].bar
    assert timeline.rows[1].bar.x == 50


def test_a_pending_step_has_a_row_and_no_bar() -> None:
    timeline = lay_out([step("a", 0, 500), Step("b", status="pending")])
    assert timeline and timeline.rows[1].bar is None


def test_without_any_time_there_is_no_timeline() -> None:
    assert lay_out([]) is None
    assert lay_out([Step("a", status="skipped"), Step("b", status="pending")]) is None


def test_the_steps_of_a_module_stand_in_one_band_under_its_name() -> None:
    steps = [
        step("start", 0, 10),
        step("a", 10, 20, module_name="recon"),
        step("b", 15, 30, module_name="ports"),
        step("c", 20, 40, module_name="recon"),
        step("end", 40, 50),
    ]
    timeline = lay_out(steps)
    assert timeline
    labels = [(row.label, row.span is None) for row in timeline.rows]
    assert labels == [
        ("start", False),
        ("recon", True),
        ("a", False),
        ("c", False),
        ("ports", True),
        ("b", False),
        ("end", False),
    ]
    assert [row.is_in_module for row in timeline.rows] == [False, *[True] * 5, False]
    recon = timeline.rows[1].bar
    assert recon and (recon.x, recon.width) == (20, 60)


def test_the_axis_begins_with_the_run_and_ends_with_its_last_sign_of_life() -> None:
    timeline = lay_out([step("a", 500, 1000)], START, START + timedelta(seconds=2))
    assert timeline and timeline.rows[0].bar
    assert (timeline.rows[0].bar.x, timeline.rows[0].bar.width) == (25, 25)


def test_the_summary_names_what_failed() -> None:
    failed = [step(f"s{n}", 0, 10, status="failed") for n in range(7)]
    timeline = lay_out([step("a", 0, 1000), *failed])
    assert timeline
    assert timeline.summary.startswith(
        "over 1.0 s: 8 steps, failed: s0, s1, s2, s3, s4 and 2 more. "
    )


def test_the_summary_is_short_whatever_the_names_are() -> None:
    names = ["\n", "", *(str(n) + "x" * 3_000 for n in range(1, 6))]
    timeline = lay_out([step(name, 0, 10, status="failed") for name in names])
    assert timeline
    first = "7 steps, failed: ‹LF›, (no name), 1xxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxx, 2x"
    assert first in timeline.summary and " and 2 more." in timeline.summary
    assert len(timeline.summary) < 300


def test_a_group_of_which_some_failed_says_how_many() -> None:
    end = START + timedelta(seconds=10)
    groups = [
        GroupSpan("mod-0", 600, "failed", START, end, 150),
        GroupSpan("mod-1", 6_000, "failed", START, end, 1),
        GroupSpan("mod-2", 2, "failed", START, end, 2),
        GroupSpan("mod-3", 2, "completed", START, end),
    ]
    timeline = lay_out(groups)
    assert timeline
    said = "4 groups, failed: 150 of 600 in mod-0, 1 of 6,000 in mod-1, 2 of 2 in mod-2."
    assert said in timeline.summary
    lengths = [row.length for row in timeline.rows]
    assert lengths == ["150 failed, 10.0 s", "1 failed, 10.0 s", "2 failed, 10.0 s", "10.0 s"]
    bars = [row.bar for row in timeline.rows if row.bar]
    assert [bar.failed_width for bar in bars] == [25, MIN_WIDTH, 0, 0]
    assert 's-failed" x="75.0%" width="25.0%"' in bars[0].drawn
    assert bars[0].facts == "150 of 600 failed, 10.0 s, began after 0 ms"
    assert bars[2].facts == "failed, 10.0 s, began after 0 ms"


def test_a_group_is_one_bar_with_the_number_of_its_steps() -> None:
    group = GroupSpan("recon", 1200, "failed", START, START + timedelta(seconds=3))
    timeline = lay_out([group])
    assert timeline
    assert (timeline.rows[0].label, timeline.rows[0].length) == ("recon × 1,200", "3.0 s")


def test_what_ran_at_once_stands_in_lanes_and_what_followed_does_not() -> None:
    # b begins 1 ms before a ends, as logs round: that is no lane.
    steps = [step("a", 0, 101), step("b", 100, 500), step("c", 200, 600), step("d", 600, 1000)]
    timeline = lay_out([*steps, step("e", 1000, 1000)])
    assert timeline
    lanes = [
        (row.lane.x, row.lane.width, row.lane.n) if row.lane else None for row in timeline.rows
    ]
    assert lanes == [None, (10, 50, 2), (10, 50, 2), None, None]


def test_gaps_in_which_nothing_ran_are_found_and_said() -> None:
    steps = [step("a", 100, 400), step("b", 200, 300), step("c", 410, 500), step("d", 800, 900)]
    timeline = lay_out(steps, START, START + timedelta(seconds=1))
    assert timeline
    # The 10 ms between a and c are too short to see.
    assert [(gap.x, gap.width, gap.ms) for gap in timeline.gaps] == [
        (0, 10, 100),
        (50, 30, 300),
        (90, 10, 100),
    ]
    assert timeline.summary.endswith("Nothing ran for 500 ms in 3 gaps.")


def test_while_a_step_runs_there_is_no_gap_after_it() -> None:
    running = step("b", 500, None, status="running")
    timeline = lay_out([step("a", 0, 500), running], until=START + timedelta(seconds=9))
    assert timeline and timeline.gaps == []
    assert "Nothing ran" not in timeline.summary


def test_the_facts_of_a_bar_stand_where_there_is_room() -> None:
    timeline = lay_out([step("a", 0, 100), step("b", 900, 1000, status="failed")])
    assert timeline
    first, last = (row.bar for row in timeline.rows)
    assert first and '<text y="16" x="10.0%" dx="20">' in first.drawn
    assert first.facts == "completed, 100 ms, began after 0 ms"
    assert last and '<text y="16" class="left" x="90.0%" dx="-8">' in last.drawn


@pytest.mark.parametrize(
    ("length_ms", "labels"),
    [
        (1, ["0 ms", "1 ms"]),
        (1200, ["0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1 s", "1.2 s"]),
        (7025, ["0 s", "2 s", "4 s", "6 s"]),
        (90_000, ["0 s", "15 s", "30 s", "45 s", "60 s", "75 s", "90 s"]),
        (600_000, ["0 min", "2 min", "4 min", "6 min", "8 min", "10 min"]),
        (30 * 3_600_000, ["0 h", "6 h", "12 h", "18 h", "24 h", "30 h"]),
        (10 * 86_400_000, ["0 d", "2 d", "4 d", "6 d", "8 d", "10 d"]),
    ],
)
def test_ticks_stand_at_round_times(length_ms: float, labels: list[str]) -> None:
    assert [tick.label for tick in find_ticks(length_ms)] == labels


@given(st.floats(min_value=1, max_value=1e13))
def test_ticks_are_few_and_in_the_plot(length_ms: float) -> None:
    ticks = list(find_ticks(length_ms))
    assert 1 <= len(ticks) <= MAX_TICKS + 1
    assert all(0 <= tick.x <= 100 for tick in ticks)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**6),
            st.none() | st.integers(0, 10**6),
            st.sampled_from(["completed", "failed", "running", "skipped", "pending"]),
            st.sampled_from(["", "a", "b"]),
        )
    )
)
def test_every_step_has_one_row_and_no_bar_leaves_the_plot(
    rows: list[tuple[int, int | None, str, str]],
) -> None:
    steps = [
        step(
            str(n), start, None if length is None else start + length, status=status, module_name=m
        )
        for n, (start, length, status, m) in enumerate(rows)
    ]
    timeline = lay_out(steps)
    if timeline:
        assert sorted(row.label for row in timeline.rows if row.span) == sorted(
            map(str, range(len(rows)))
        )
        assert all(gap.x >= 0 and gap.x + gap.width <= 100.01 for gap in timeline.gaps)
        for bar in (row.bar for row in timeline.rows if row.bar):
            assert bar.x >= 0 and bar.width > 0 and bar.x + bar.width <= 100.001
