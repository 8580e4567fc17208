"""Reading run-execution.log: every trap of a line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.ingest.osmedeus.execution_log import read_execution_log, read_output
from webapp.ingest.osmedeus.log_events import FlowClosing, ModuleClosing, Opening, StepLine
from webapp.ingest.osmedeus.times import parse_elapsed

from .logs import at, closing, completed, failed, line, opening


def read(data: bytes) -> list[StepLine]:
    return list(read_execution_log(data.splitlines(True)).step_lines())


def test_a_completed_step_is_read_with_its_place_in_the_file() -> None:
    before = opening(0, "example.com", 3)
    data = before + completed(5, "probe", took=0.0123456)
    (step,) = read(data)
    assert (step.name, step.step_type, step.failed) == ("probe", "bash", False)
    assert (step.duration_us, step.duration_ms) == (12_345, 12)
    assert step.at == int(at(5).timestamp()) * 1_000_000
    assert data[step.offset : step.offset + step.length] == completed(5, "probe", took=0.0123456)
    assert read_output(data[step.offset :], step) == "output of probe"


def test_a_failed_step_counts_once_though_two_lines_tell_of_it() -> None:
    (step,) = read(failed(1, "send", error="command exited with code 7"))
    assert (step.name, step.failed, step.error) == ("send", True, "command exited with code 7")


def test_a_flow_tells_its_modules() -> None:
    data = (
        line(0, "Parameters initialized", cli_params={"target": "t"})
        + line(0, "Starting flow execution", target="t", modules=2)
        + line(0, "Executing inline module", module="discover")
        + line(0, "Parameters initialized", cli_params={"target": "t", "RunUUID": "u"})
        + line(0, "Starting module execution", target="t", steps=2)
        + closing(1, 2, "7ms")
        + line(2, "Flow execution completed", duration=1.5)
    )
    flow, module, module_end, flow_end = read_execution_log(data.splitlines(True)).events
    assert isinstance(flow, Opening) and flow.is_flow and flow.size == 2
    assert isinstance(module, Opening) and (module.module_name, module.size) == ("discover", 2)
    assert isinstance(module_end, ModuleClosing) and module_end.elapsed == 0.007
    assert isinstance(flow_end, FlowClosing) and flow_end.elapsed == 1.5


def test_beginnings_that_interleave_find_their_own_start_lines() -> None:
    data = (
        line(0, "Parameters initialized", cli_params={"target": "a"})
        + line(0, "Parameters initialized", cli_params={"target": "b"})
        + line(0, "Starting module execution", target="b", steps=5)
        + line(0, "Starting module execution", target="a", steps=3)
    )
    first, second = read_execution_log(data.splitlines(True)).events
    assert isinstance(first, Opening) and isinstance(second, Opening)
    assert (first.target, first.size, second.target, second.size) == ("a", 3, "b", 5)


@pytest.mark.parametrize(
    "garbage",
    [b"not json\n", b"{\n", b"[1,2]\n", b"\xff\xfe\n", b'{"level":\n', b"null\n", b'"text"\n'],
)
def test_a_damaged_line_costs_that_line_only(garbage: bytes) -> None:
    log = read_execution_log([completed(0, "one"), garbage, completed(1, "two")])
    assert [step.name for step in log.step_lines()] == ["one", "two"]
    assert log.damaged_lines == 1


def test_lines_without_what_counts_are_passed_over() -> None:
    odd = (
        line(0, "Step completed")
        + line(0, "Step completed", step_name=5, command=None)
        + line(0, "Something new", step_name="x")
        + b'{"level":"INFO","timestamp":"yesterday","message":"Step completed"}\n'
        + line(0, "Module execution completed", total_steps="many", elapsed=None)
    )
    assert [step.name for step in read(odd + completed(1, "good"))] == ["good"]


def test_what_never_started_does_not_take_the_start_or_the_name_of_what_comes_later() -> None:
    failed_early = (
        line(0, "Parameters initialized", cli_params={"target": "t"})
        + line(0, "Executing inline module", module="discover")
        + opening(300, "t", 5)
        + line(400, "Executing inline module", module="report")
        + opening(400, "t", 3, RunUUID="u")
    )
    first, second, module = read_execution_log(failed_early.splitlines(True)).events
    assert isinstance(first, Opening) and first.size is None
    assert isinstance(second, Opening) and second.size == 5
    assert isinstance(module, Opening) and (module.module_name, module.size) == ("report", 3)


def test_a_text_of_many_digits_is_no_duration() -> None:
    assert parse_elapsed("1" * 1_000_000) is None
    assert parse_elapsed("1h2m3.5s") == 3723.5


def test_carriage_returns_and_empty_lines_do_no_harm() -> None:
    data = completed(0, "one").replace(b"\n", b"\r\n") + b"\r\n\n" + completed(1, "two")
    assert [step.name for step in read(data)] == ["one", "two"]


def test_a_last_line_that_is_cut_after_its_command_still_tells_of_its_step() -> None:
    whole = completed(3, "probe").rstrip()
    cut = whole[: whole.index(b'"output"') + 15]
    log = read_execution_log([completed(0, "one"), cut])
    last = list(log.step_lines())[-1]
    assert (last.name, last.step_type, last.command, last.failed) == (
        "probe",
        "bash",
        "run probe",
        False,
    )
    assert last.duration_ms == 10
    assert log.damaged_lines == 1


def test_a_last_line_that_is_cut_before_its_command_is_only_counted() -> None:
    whole = completed(3, "probe")
    log = read_execution_log([completed(0, "one"), whole[: whole.index(b"run probe")]])
    assert [step.name for step in log.step_lines()] == ["one"]
    assert log.damaged_lines == 1


def test_a_line_glued_to_the_stump_of_another_is_read() -> None:
    stump = completed(0, "killed")[:90]
    data = stump + completed(5, "next")
    log = read_execution_log([data])
    (step,) = log.step_lines()
    assert step.name == "next"
    assert read_output(data[step.offset : step.offset + step.length], step) == "output of next"


def test_nul_markup_and_what_is_no_utf_8_survive() -> None:
    hostile = 'a\0b<script>\u202e "quoted" \\ \n\x1b[31m'
    data = completed(0, "odd", output=hostile)
    assert read_output(data, read(data)[0]) == hostile
    broken = completed(0, "odd").replace(b"output of", b"out\xffput of")
    assert "�" in (read_output(broken, read(broken)[0]) or "")


def test_an_output_of_eleven_megabytes_is_not_kept_in_memory() -> None:
    big = completed(0, "big", output="x" * 11_000_000)
    log = read_execution_log([big])
    (step,) = log.step_lines()
    assert step.length == len(big)
    assert not any(len(value) > 1000 for value in (step.command, step.error, step.name))
    assert len(read_output(big, step) or "") == 11_000_000


def test_another_line_in_a_step_s_place_is_not_taken_for_it() -> None:
    (step,) = read(completed(0, "probe", command=""))
    assert read_output(b"", step) is None
    assert read_output(completed(0, "other", command=""), step) is None
    assert read_output(completed(9, "probe", command=""), step) is None


def test_milliseconds_are_cut_off_as_the_engine_does() -> None:
    assert read(completed(0, "slow", took=1.351999616))[0].duration_ms == 1351


def test_an_output_that_looks_like_a_line_is_no_line() -> None:
    fake = completed(0, "fake").decode()
    assert [step.name for step in read(completed(1, "real", output=fake))] == ["real"]


@given(st.lists(st.one_of(st.binary(max_size=80), st.just(completed(0, "good")))))
def test_any_bytes_are_read_without_an_error(lines: list[bytes]) -> None:
    data = b"".join(lines)
    for step in read(data):
        assert read_output(data[step.offset : step.offset + step.length], step) is not None


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
)
def test_any_field_value_is_read_without_an_error(value: object) -> None:
    for message in ("Step completed", "Parameters initialized", "Module execution completed"):
        fields = {
            name: value
            for name in (
                "step_name",
                "command",
                "duration",
                "cli_params",
                "elapsed",
                "total_steps",
                "output",
            )
        }
        document = {"timestamp": "2026-11-20T10:00:00+00:00", "message": message, **fields}
        read_execution_log([json.dumps(document).encode() + b"\n"])
