"""The bars of days: how they stack, and the scale they stand on."""

from datetime import UTC, date, datetime, timedelta

import pytest

from webapp.charts import HEIGHT, LEAST_HEIGHT, lay_out_bars
from webapp.periods import DAY, Period, cut

DAYS = [date(2026, 10, 31) + timedelta(days=n) for n in range(4)]


def test_parts_stand_on_each_other_in_the_order_given() -> None:
    chart = lay_out_bars(DAYS, [{"completed": 3, "failed": 1}, {}, {"failed": 4}, {"cancelled": 2}])
    lower, upper = chart.bars[0].parts
    assert (lower.kind, lower.n, lower.y + lower.height) == ("completed", 3, HEIGHT)
    assert (upper.kind, upper.n, upper.y + upper.height) == ("failed", 1, lower.y)
    assert (lower.height, upper.height, upper.y) == (90, 30, 0)
    assert chart.bars[1].parts == []
    assert chart.bars[3].parts[0].height == 60


def test_bars_stand_beside_each_other_and_only_the_last_is_the_last() -> None:
    bars = lay_out_bars(DAYS, [{}] * 4).bars
    assert [bar.middle for bar in bars] == [12.5, 37.5, 62.5, 87.5]
    assert all(left.x + left.width < right.x for left, right in zip(bars, bars[1:], strict=False))
    assert [bar.is_last for bar in bars] == [False, False, False, True]
    assert [bar.month for bar in bars] == ["Oct", "Nov", "", ""]


@pytest.mark.parametrize(
    ("top", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (9, [0, 5, 10]),
        (23, [0, 10, 20, 30]),
        (10_000, [0, 5_000, 10_000]),
    ],
)
def test_the_scale_has_few_round_numbers_and_holds_the_highest_bar(
    top: int, ticks: list[int]
) -> None:
    chart = lay_out_bars(DAYS[:1], [{"failed": top}])
    assert [tick.n for tick in chart.ticks] == ticks
    assert (chart.ticks[0].y, chart.ticks[-1].y) == (HEIGHT, 0)


def test_the_smallest_part_stays_visible_within_the_drawing() -> None:
    (bar,) = lay_out_bars(DAYS[:1], [{"completed": 9_999, "failed": 1}]).bars
    completed, failed = bar.parts
    assert failed.height == LEAST_HEIGHT
    assert failed.y >= 0
    assert failed.y + failed.height == completed.y


def test_days_are_those_of_utc_and_the_last_one_is_not_over() -> None:
    now = datetime(2026, 11, 1, 1, 30, tzinfo=UTC).astimezone()
    days = Period.days(2, now)
    assert days == [
        Period(datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)),
    ]


def test_a_period_without_an_end_is_said_without_one() -> None:
    period = Period.since(datetime(2026, 11, 1, 1, 30, tzinfo=UTC))
    assert period.to_args("ended") == {"ended_after": "2026-11-01T01:30:00Z"}
    assert period.spoken() == "2026-11-01 01:30:00 UTC on"


def test_overlapping_periods_are_cut_where_any_begins_or_ends() -> None:
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    day = Period(noon - DAY / 2, noon + DAY / 2)
    latest = Period(noon - DAY, noon)
    assert cut([day, latest]) == [
        Period(latest.after, day.after),
        Period(day.after, noon),
        Period(noon, day.before),
    ]
