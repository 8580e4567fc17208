"""Filters: query string to values and back, and what is said of a bad one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from webapp.filters import (
    MAX_CHARACTERS,
    MAX_INTEGER,
    MAX_LIMIT,
    MAX_VALUES,
    ListFilters,
    RunFilters,
    StepFilters,
)
from webapp.models import RunStatus, StepStatus, StepType

STEP_STATUSES = "pending, running, completed, failed, skipped"
STEP_NAMES = "limit, offset, run_id, run_uuid, sort, status, step_name, step_type, workspace"


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
        (("sort", "name"), "sort: 'name' is not allowed; allowed are id, -id"),
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


texts = st.lists(
    st.text(st.characters(exclude_characters="\0"), min_size=1), max_size=3, unique=True
).map(tuple)
good_filters = st.builds(
    StepFilters,
    workspace=texts,
    status=st.lists(st.sampled_from([*StepStatus, "!failed"]), unique=True).map(tuple),
    step_type=st.lists(st.sampled_from([*StepType, "!bash"]), unique=True).map(tuple),
    run_id=st.lists(st.integers(0, MAX_INTEGER), max_size=3, unique=True).map(tuple),
    run_uuid=texts,
    step_name=st.text(st.characters(exclude_characters="\0"), max_size=20),
    sort=st.sampled_from(["id", "-id"]),
    offset=st.integers(0, MAX_INTEGER),
    limit=st.integers(0, MAX_LIMIT),
    default_sort=st.sampled_from(["id", "-id"]),
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
