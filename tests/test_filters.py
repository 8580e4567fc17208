"""Filters: query string to values and back, and what is said of a bad one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from webapp.filters import (
    MAX_CHARACTERS,
    MAX_INTEGER,
    MAX_LIMIT,
    MAX_VALUES,
    PRESETS,
    ListFilters,
    RunFilters,
    StepFilters,
    part_negated,
)
from webapp.models import RunStatus, StepStatus, StepType

STEP_STATUSES = "pending, running, completed, failed, skipped"
STEP_NAMES = (
    "ended, ended_after, ended_before, limit, max_duration_ms, min_duration_ms, module_name, "
    "offset, recovered, run_id, run_uuid, "
    "sort, started, started_after, started_before, status, step_name, step_type, target, "
    "workflow_name, workspace"
)
STEP_SORTS = "id, started_at, duration_ms, step_name, -id, -started_at, -duration_ms, -step_name"
NO_TIME = (
    "is no time; allowed are times such as 2026-11-23T14:02:00Z and 2026-11-23T14:02:00+01:00 "
    "and dates such as 2026-11-23, UTC without a zone"
)
NO_DURATION = (
    "is no length of time; allowed are milliseconds, "
    "and texts such as 850 ms, 12.4 s, 4 min 07 s, 2 h"
)
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def steps(*pairs: tuple[str, str]) -> StepFilters:
    return StepFilters.from_args(MultiDict(pairs))


def message(*pairs: tuple[str, str]) -> str:
    """Return the one thing that is wrong with these arguments."""
    (error,) = steps(*pairs).errors
    return str(error)


def test_nothing_given_means_the_first_twenty_by_id() -> None:
    filters = steps()
    assert (filters.sort, filters.offset, filters.limit, filters.errors) == ("id", 0, 20, ())
    assert filters.active() == []


def test_every_documented_parameter_is_read() -> None:
    filters = steps(
        ("workspace", "example_com"),
        ("status", "completed"),
        ("step_type", "remote-bash"),
        ("run_id", "123"),
        ("offset", "40"),
        ("limit", "100"),
    )
    assert filters == StepFilters(
        workspace=("example_com",),
        status=("completed",),
        step_type=("remote-bash",),
        run_id=(123,),
        offset=40,
        limit=100,
    )
    assert not filters.errors


def test_repeated_values_are_kept_once_and_in_order() -> None:
    filters = steps(("status", "failed"), ("status", "running"), ("status", "failed"))
    assert filters.status == ("failed", "running")
    assert steps(("run_id", "7"), ("run_id", "007"), ("run_id", "8")).run_id == (7, 8)


def test_success_means_completed_also_when_negated() -> None:
    assert steps(("status", "success")).status == ("completed",)
    assert steps(("status", "!success")).status == ("!completed",)
    assert steps(("status", "success"), ("status", "completed")).status == ("completed",)


@pytest.mark.parametrize("step_type", list(StepType))
def test_every_type_is_accepted_plain_and_negated(step_type: str) -> None:
    assert steps(("step_type", step_type)).step_type == (step_type,)
    assert steps(("step_type", f"!{step_type}")).step_type == (f"!{step_type}",)


@pytest.mark.parametrize(("given", "meant"), [("0", 0), ("10000", 10_000), ("10001", 10_000)])
def test_a_limit_above_the_greatest_means_the_greatest(given: str, meant: int) -> None:
    assert steps(("limit", given)).limit == meant
    assert not steps(("limit", given)).errors


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (
            ("status", "done"),
            f"status: 'done' is not allowed; allowed are {STEP_STATUSES}, "
            "each with ! before it for all others",
        ),
        (
            ("status", "!!failed"),
            f"status: '!!failed' is not allowed; allowed are {STEP_STATUSES}, "
            "each with ! before it for all others",
        ),
        (("status", ""), "status: must not be empty"),
        (("workspace", ""), "workspace: must not be empty"),
        (("workspace", "a\0b"), "workspace: must not contain a NUL character"),
        (("offset", "-1"), f"offset: '-1' is not a whole number from 0 to {MAX_INTEGER}"),
        (("offset", ""), f"offset: '' is not a whole number from 0 to {MAX_INTEGER}"),
        (("limit", "ten"), f"limit: 'ten' is not a whole number from 0 to {MAX_INTEGER}"),
        (("limit", "1e3"), f"limit: '1e3' is not a whole number from 0 to {MAX_INTEGER}"),
        (("limit", " 5"), f"limit: ' 5' is not a whole number from 0 to {MAX_INTEGER}"),
        (("limit", "٣"), f"limit: '٣' is not a whole number from 0 to {MAX_INTEGER}"),
        (("run_id", "5\n"), f"run_id: '5\\n' is not a whole number from 0 to {MAX_INTEGER}"),
        (
            ("run_id", str(MAX_INTEGER + 1)),
            f"run_id: '9223372036854775808' is not a whole number from 0 to {MAX_INTEGER}",
        ),
        (("sort", "name"), f"sort: 'name' is not allowed; allowed are {STEP_SORTS}"),
        (
            ("started", "2h"),
            "started: '2h' is not allowed; allowed are 1h, 24h, 7d, today",
        ),
        (("recovered", "maybe"), "recovered: 'maybe' is not allowed; allowed are yes, no"),
        (("started_after", "yesterday"), f"started_after: 'yesterday' {NO_TIME}"),
        (("started_after", "20261123"), f"started_after: '20261123' {NO_TIME}"),
        (("started_before", "2026-02-30"), f"started_before: '2026-02-30' {NO_TIME}"),
        (("min_duration_ms", "-5"), f"min_duration_ms: '-5' {NO_DURATION}"),
        (("max_duration_ms", "5 parsecs"), f"max_duration_ms: '5 parsecs' {NO_DURATION}"),
        (("max_duration_ms", "9" * 20), f"max_duration_ms: '{'9' * 20}' {NO_DURATION}"),
        (("max_duration_ms", "5 s\n"), f"max_duration_ms: '5 s\\n' {NO_DURATION}"),
        (("stat", "x"), f"stat: unknown parameter; allowed are {STEP_NAMES}"),
        (("errors", "x"), f"errors: unknown parameter; allowed are {STEP_NAMES}"),
        (
            ("step_name", "x" * (MAX_CHARACTERS + 1)),
            f"step_name: must not be longer than {MAX_CHARACTERS} characters",
        ),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(pair: tuple[str, str], said: str) -> None:
    assert message(pair) == said


@pytest.mark.parametrize(
    ("name", "value"), [("offset", "1"), ("limit", "1"), ("sort", "id"), ("step_name", "x")]
)
def test_what_can_be_given_once_is_refused_twice(name: str, value: str) -> None:
    assert message((name, value), (name, value)) == f"{name}: must be given once"


def test_a_parameter_repeated_beyond_measure_is_refused_and_cut() -> None:
    filters = steps(*[("run_id", str(n)) for n in range(MAX_VALUES + 1)])
    assert str(filters.errors[0]) == f"run_id: must not be given more than {MAX_VALUES} times"
    assert len(filters.run_id) == MAX_VALUES


def test_a_bad_value_is_left_out_and_the_good_ones_stay() -> None:
    filters = steps(("status", "failed"), ("status", "junk"), ("limit", "x"), ("offset", "3"))
    assert (filters.status, filters.limit, filters.offset) == (("failed",), 20, 3)
    assert [error.name for error in filters.errors] == ["status", "limit"]


def test_a_form_may_send_empty_fields() -> None:
    args = MultiDict({"workspace": "", "status": "", "run_id": "", "offset": "", "step_name": ""})
    filters = StepFilters.from_args(args, default_sort="-id", blank_is_absent=True)
    assert filters == StepFilters(sort="-id")
    assert not filters.errors


def test_the_pages_order_is_written_out_for_the_api() -> None:
    filters = StepFilters.from_args(MultiDict({"status": "failed"}), default_sort="-id")
    assert filters.to_args() == {"status": ["failed"]}
    assert filters.to_api_args() == {"status": ["failed"], "sort": "-id"}
    assert replace(filters, sort="id").to_args() == {"status": ["failed"], "sort": "id"}
    assert replace(filters, sort="id").to_api_args() == {"status": ["failed"]}
    assert RunFilters.from_args(MultiDict()).to_api_args() == {}


def test_any_change_but_the_page_returns_to_the_first() -> None:
    filters = steps(("status", "failed"), ("offset", "40"))
    assert filters.to_args() == {"status": ["failed"], "offset": 40}
    assert filters.to_args(offset=60) == {"status": ["failed"], "offset": 60}
    assert filters.to_args(status=("running",)) == {"status": ["running"]}
    assert filters.without("status", "failed") == {}
    assert filters.active() == [("status", "failed")]


def test_clearing_keeps_the_order_and_the_size_of_the_page() -> None:
    filters = steps(("run_id", "3"), ("sort", "-id"), ("limit", "50"), ("offset", "50"))
    assert filters.cleared() == {"sort": "-id", "limit": 50}


def test_where_nothing_is_filtered_only_the_page_is_allowed() -> None:
    page = ListFilters.of_page(MultiDict({"offset": "5", "limit": "7"}))
    assert (page.offset, page.limit, page.errors) == (5, 7, ())
    (error,) = ListFilters.of_page(MultiDict({"sort": "id"})).errors
    assert str(error) == "sort: unknown parameter; allowed are limit, offset"


names = st.sampled_from([*StepFilters.names(), *RunFilters.names(), "endpoint", "_method"])
values = st.text(max_size=30) | st.sampled_from([*StepStatus, *RunStatus, "!failed", "-id", "7"])
arguments = st.lists(st.tuples(names | st.text(max_size=10), values), max_size=12)


@given(arguments, st.booleans())
def test_reading_never_raises_and_is_steady(pairs: list[tuple[str, str]], blank: bool) -> None:
    """Whatever is sent gives filters, and what these write is read as the same again."""
    for read in (StepFilters.from_args, RunFilters.from_args):
        filters = read(MultiDict(pairs), blank_is_absent=blank)
        again = read(MultiDict(_flat(filters.to_args())))
        assert again == filters
        assert not again.errors
        assert 0 <= filters.limit <= MAX_LIMIT
        assert ListFilters.of_page(MultiDict(pairs)).limit <= MAX_LIMIT


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T14:02", datetime(2026, 11, 23, 14, 2, tzinfo=UTC)),
        ("2026-11-23T14:02:03Z", datetime(2026, 11, 23, 14, 2, 3, tzinfo=UTC)),
        ("2026-11-23 14:02:03.5+02:00", datetime(2026, 11, 23, 12, 2, 3, 500_000, tzinfo=UTC)),
        ("2024-02-29t23:59:59z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00+01:00", datetime.min.replace(tzinfo=UTC)),
        ("9999-12-31T23:59-01:00", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_utc_and_written_so(given: str, meant: datetime) -> None:
    filters = steps(("started_after", given))
    assert filters.started_after == meant
    assert steps(*filters.active()).started_after == meant


def test_a_time_is_written_with_no_more_digits_than_it_needs() -> None:
    filters = steps(("started_after", "2026-11-23"), ("started_before", "2026-11-23T10:00:00.250Z"))
    assert filters.to_args() == {
        "started_after": "2026-11-23T00:00:00Z",
        "started_before": "2026-11-23T10:00:00.25Z",
    }


@pytest.mark.parametrize(
    ("given", "ms"),
    [
        ("1500", 1_500),
        ("0", 0),
        ("850 ms", 850),
        ("12.4 s", 12_400),
        ("90s", 90_000),
        ("4 min 07 s", 247_000),
        ("2 h 13 min", 7_980_000),
        ("3 d 04 h", 273_600_000),
        ("2h30m", 9_000_000),
        ("4min07s", 247_000),
        ("\t4 MIN  7 Sec ", 247_000),
        ("1 day 2 hours 1m", 93_660_000),
        ("9" * 19, MAX_INTEGER),
        ("999999999999999 d", MAX_INTEGER),
    ],
)
def test_a_duration_is_read_as_a_person_says_it(given: str, ms: int) -> None:
    assert steps(("min_duration_ms", given)).min_duration_ms == ms
    assert steps(("min_duration_ms", given)).to_args() == {"min_duration_ms": ms}


@pytest.mark.parametrize(
    ("pairs", "begins", "ends"),
    [
        ([("started", "1h")], NOW - timedelta(hours=1), None),
        ([("started", "today")], datetime(2026, 11, 24, tzinfo=UTC), None),
        ([("started_before", "2026-11-24")], None, datetime(2026, 11, 24, tzinfo=UTC)),
        (
            [("started", "24h"), ("started_after", "2026-11-24")],
            datetime(2026, 11, 24, tzinfo=UTC),
            None,
        ),
        ([("started", "24h"), ("started_after", "2026-11-01")], NOW - timedelta(hours=24), None),
    ],
)
def test_a_range_of_time_is_that_of_all_that_is_asked(
    pairs: list[tuple[str, str]], begins: datetime | None, ends: datetime | None
) -> None:
    filters = replace(steps(*pairs), asked_at=NOW)
    assert filters.started_range() == (begins, ends)


def test_a_mark_excludes_and_two_are_the_text_itself() -> None:
    assert part_negated(("a", "!b", "!!c")) == (["a", "!c"], ["b"])


texts = st.lists(
    st.text(st.characters(exclude_characters="\0"), min_size=1), max_size=3, unique=True
).map(tuple)
moments = st.none() | st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))
good_filters = st.builds(
    StepFilters,
    workspace=texts,
    status=st.lists(st.sampled_from([*StepStatus, "!failed"]), unique=True).map(tuple),
    step_type=st.lists(st.sampled_from([*StepType, "!bash"]), unique=True).map(tuple),
    run_id=st.lists(st.integers(0, MAX_INTEGER), max_size=3, unique=True).map(tuple),
    run_uuid=texts,
    step_name=st.text(st.characters(exclude_characters="\0"), max_size=20),
    workflow_name=texts,
    target=texts,
    module_name=texts,
    recovered=st.sampled_from(["", "yes", "no"]),
    started=st.sampled_from(["", *PRESETS]),
    started_after=moments,
    started_before=moments,
    min_duration_ms=st.none() | st.integers(0, MAX_INTEGER),
    max_duration_ms=st.none() | st.integers(0, MAX_INTEGER),
    sort=st.sampled_from(["id", "step_name", "-duration_ms"]),
    offset=st.integers(0, MAX_INTEGER),
    limit=st.integers(0, MAX_LIMIT),
    default_sort=st.just("id"),
)


@given(good_filters)
def test_a_view_and_its_json_have_the_same_filters(filters: StepFilters) -> None:
    page = StepFilters.from_args(MultiDict(_flat(filters.to_args())), filters.default_sort)
    api = StepFilters.from_args(MultiDict(_flat(filters.to_api_args())))
    assert page == api == filters
    assert not page.errors and not api.errors


def _flat(args: dict[str, object]) -> list[tuple[str, str]]:
    """Return what a browser would send for arguments of `url_for`."""
    pairs = []
    for name, value in args.items():
        pairs += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
    return pairs


@pytest.mark.parametrize("value", ["10001", "99999999999999999999999999", "0" * 30 + "123456"])
def test_a_limit_above_the_largest_means_the_largest(value: str) -> None:
    filters = StepFilters.from_args(MultiDict({"limit": value}))
    assert (filters.limit, filters.errors) == (10_000, ())


def test_a_page_has_at_least_one_row() -> None:
    asked = MultiDict({"limit": "0"})
    assert StepFilters.from_args(asked).limit == 0
    on_a_page = StepFilters.from_args(asked, blank_is_absent=True)
    assert on_a_page.limit == 20
    assert [error.name for error in on_a_page.errors] == ["limit"]


@pytest.mark.parametrize("n_others", [0, 1, 2])
def test_filters_know_whether_others_are_in_use(n_others: int) -> None:
    names = [name for name in StepFilters.names() if name not in ("sort", "offset", "limit")]
    unnamed = names[:n_others]
    assert unnamed == ["workspace", "status"][:n_others]
    used = StepFilters(workspace=("example.com",))
    named = [name for name in names if name not in unnamed]
    assert StepFilters().has_only(*named)
    assert used.has_only(*named) == (not n_others)
    assert ListFilters().has_only()
