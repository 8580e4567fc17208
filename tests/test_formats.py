"""Numbers, times and lengths as a person reads them."""

import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest

from webapp import formats
from webapp.columns import utc_now
from webapp.models import Run, RunStatus

NOW = datetime(2026, 11, 21, 14, 2, 11, 31_500, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, ""),
        (0, "0 ms"),
        (850, "850 ms"),
        (999.4, "999 ms"),
        (12_400, "12.4 s"),
        (59_949, "59.9 s"),
        (59_951, "1 min 00 s"),
        (247_000, "4 min 07 s"),
        (3_599_600, "1 h 00 min"),
        (7_980_000, "2 h 13 min"),
        (100_000_000, "1 d 03 h"),
    ],
)
def test_a_duration_is_in_units_a_person_reads(ms: float | None, text: str) -> None:
    assert formats.duration(ms) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-9, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_300, "2 h"), (259_200, "3 d")],
)
def test_what_goes_on_is_told_roughly(seconds: int, text: str) -> None:
    lasting = formats.lasting(utc_now() - timedelta(seconds=seconds))
    assert lasting.startswith('<time class="lasting" datetime="') and f">{text}<" in lasting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3600, ""),
        (-5, "just now"),
        (0, "just now"),
        (59, "59 s ago"),
        (185, "3 min ago"),
        (7200, "2 h ago"),
        (86_399, "23 h ago"),
        (86_400, ""),
    ],
)
def test_a_time_is_relative_up_to_a_day(seconds: int, text: str) -> None:
    assert formats.ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_an_older_time_is_a_date_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert formats.short_date(datetime(2026, 11, 3, 1, 5, tzinfo=east), NOW) == "Nov 2 16:05"
    assert formats.short_date(datetime(2025, 11, 3, tzinfo=UTC), NOW) == "Nov 3 2025"


def test_a_time_carries_the_exact_one() -> None:
    assert formats.when(NOW - timedelta(days=400)) == (
        '<time class="when" datetime="2025-10-17T14:02:11.031Z"'
        ' title="2025-10-17 14:02:11.031 UTC">Oct 17 2025</time>'
    )
    assert ">14:02:11.031</time>" in formats.clock(NOW)
    assert formats.when(None) == formats.clock(None) == ""


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [("abc", 3, "abc"), ("abcdefgh", 5, "ab…gh"), ("abcdefgh", 4, "ab…h"), ("", 5, "")],
)
def test_a_long_text_is_cut_in_its_middle(text: str, length: int, short: str) -> None:
    assert formats.truncate_middle(text, length) == short


def test_a_size_has_a_unit() -> None:
    sizes = [formats.size(n) for n in (0, 999, 1_300_000, 250_000, 5_000_000_000)]
    assert sizes == ["0 B", "999 B", "1.3 MB", "250 KB", "5.0 GB"]


def make_run(status: RunStatus, total: int, **counts: int) -> Run:
    zeros = dict.fromkeys(
        ("steps_pending", "steps_running", "steps_completed", "steps_failed", "steps_skipped"), 0
    )
    return Run(status=status, total_steps=total, **{**zeros, **counts})


def test_steps_not_heard_of_are_pending_only_while_the_run_goes_on() -> None:
    running = make_run(RunStatus.RUNNING, 5, steps_completed=2)
    assert formats.step_tally(running) == [("completed", 2), ("pending", 3)]
    failed = make_run(RunStatus.FAILED, 5, steps_completed=2, steps_failed=1)
    assert formats.step_tally(failed) == [("completed", 2), ("failed", 1), ("unrun", 2)]


def test_a_run_may_have_more_steps_than_it_says() -> None:
    looped = make_run(RunStatus.COMPLETED, 2, steps_completed=5)
    assert formats.step_tally(looped) == [("completed", 5)]
    assert formats.bar_segments(formats.step_tally(looped)) == [("completed", 0.0, 72.0)]


def test_the_smallest_part_of_a_bar_stays_visible() -> None:
    segments = formats.bar_segments([("completed", 99_999), ("failed", 1)])
    assert segments[1].width >= 2.5
    assert round(sum(part.width for part in segments)) == formats.BAR_WIDTH


@pytest.mark.parametrize("text", ["a b", "it's", '$(x) `y` "z" \\', "'", "", "!x\n"])
def test_a_quoted_text_is_one_word_to_a_shell(text: str) -> None:
    line = f"printf %s {formats.shell_quote(text)}"
    assert subprocess.run(["sh", "-c", line], capture_output=True, text=True).stdout == text
