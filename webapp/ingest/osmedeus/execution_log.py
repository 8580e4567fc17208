"""Read a run-execution.log; pure: lines of bytes in, what they say out.

Only what counts is kept of a line; the output of a step stays in the file until it is wanted.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from .log_events import Events, FlowClosing, ModuleClosing, Opening, StepLine
from .times import SECOND, parse_elapsed, parse_time, to_moment

LINE_START = b'{"level":'
LONGEST_SECONDS = 10 * 366 * 86_400
# The engine announces a module, begins it and starts it at once; what did not go on by then
# failed in between, and must not take the lines of those after it.
LONGEST_START = 60 * SECOND


@dataclass(slots=True)
class ExecutionLog:
    """What one log says, in the order of its lines."""

    events: Events = field(default_factory=Events)
    damaged_lines: int = 0

    def step_lines(self) -> Iterator[StepLine]:
        """Return the lines of ended steps."""
        return (line for _, line in self.events.step_lines())


def read_execution_log(lines: Iterable[bytes]) -> ExecutionLog:
    """Read the lines of a log, each with its end-of-line if it has one.

    A line that is damaged is counted and left out; of one that is glued to the stump of another
    the whole part is read; a last line that is cut still tells of its step.
    """
    reader = _Reader()
    offset = 0
    for line in lines:
        reader.read_line(line, offset)
        offset += len(line)
    reader.log.events.pack()
    return reader.log


def read_output(line: bytes, expected: StepLine) -> str | None:
    """Return the output in a step's line, whole; None when it is not the line expected there."""
    fields = _load(line) or _load_stump(line)
    is_same = (
        _text(fields, "step_name") == expected.name
        and _text(fields, "command") == expected.command
        and _microseconds(fields.get("duration")) == expected.duration_us
        and to_moment(parse_time(fields.get("timestamp"))) == expected.at
    )
    return _text(fields, "output") if is_same else None


class _Reader:
    def __init__(self) -> None:
        self.log = ExecutionLog()
        # Modules announced by a flow, and openings, whose start lines are still to come.
        self._announced: list[tuple[int, str]] = []
        self._unstarted: list[Opening] = []

    def read_line(self, line: bytes, offset: int) -> None:
        if not line.strip():
            return
        fields = _load(line)
        if fields is None:
            fields, line, offset = self._read_damaged(line, offset)
        at = to_moment(parse_time(fields.get("timestamp")))
        if at is not None:
            self._read_fields(fields, at, offset, line)

    def _read_damaged(self, line: bytes, offset: int) -> tuple[dict[str, Any], bytes, int]:
        self.log.damaged_lines += 1
        whole = line.rfind(LINE_START)
        fields = _load(line[whole:]) if whole > 0 else None
        if fields is not None:
            return fields, line[whole:], offset + whole
        is_cut = not line.endswith(b"\n")
        return (_load_stump(line) if is_cut else {}), line, offset

    def _read_fields(self, fields: dict[str, Any], at: int, offset: int, line: bytes) -> None:
        match fields.get("message"):
            case "Step completed":
                self._read_step(fields, at, offset, line, failed=False)
            case "Step failed" if "step_name" in fields:
                self._read_step(fields, at, offset, line, failed=True)
            case "Parameters initialized":
                self._read_opening(fields, at)
            case "Starting module execution":
                self._read_start(fields, at, _number(fields, "steps"), False)
            case "Starting flow execution":
                self._read_start(fields, at, _number(fields, "modules"), True)
            case "Executing inline module" | "Executing module":
                self._announced.append((at, _text(fields, "module")))
            case "Module execution completed":
                elapsed = parse_elapsed(fields.get("elapsed"))
                closing = ModuleClosing(at, _number(fields, "total_steps"), elapsed)
                self.log.events.add(closing)
            case "Flow execution completed":
                took = _microseconds(fields.get("duration"))
                self.log.events.add(FlowClosing(at, None if took is None else took / SECOND))
                self._announced.clear()

    def _read_step(
        self, fields: dict[str, Any], at: int, offset: int, line: bytes, failed: bool
    ) -> None:
        if not isinstance(fields.get("step_name"), str) or "command" not in fields:
            return
        self.log.events.add_step(
            at=at,
            offset=offset,
            length=len(line),
            duration_us=_microseconds(fields.get("duration")),
            name=_text(fields, "step_name"),
            step_type=_text(fields, "step_type"),
            failed=failed,
            has_output=bool(_text(fields, "output")),
            command=_text(fields, "command"),
            error=_text(fields, "error"),
        )

    def _read_opening(self, fields: dict[str, Any], at: int) -> None:
        params = fields.get("cli_params")
        params = params if isinstance(params, dict) else {}
        opening = Opening(
            at=at,
            params=params,
            target=_text(params, "target"),
            run_uuid=_text(params, "RunUUID"),
            database_run_id=_text(params, "DBRunID"),
            workflow_name=_text(params, "ModuleName"),
        )
        if opening.run_uuid:
            self._announced = [one for one in self._announced if at - one[0] <= LONGEST_START]
            opening.module_name = self._announced.pop(0)[1] if self._announced else ""
        self.log.events.add(opening)
        self._unstarted.append(opening)

    def _read_start(self, fields: dict[str, Any], at: int, size: int, is_flow: bool) -> None:
        """Complete the first opening over this target that has not started yet."""
        target = _text(fields, "target")
        self._unstarted = [one for one in self._unstarted if at - one.at <= LONGEST_START]
        fitting = (one for one in self._unstarted if one.target == target)
        opening = next(fitting, self._unstarted[0] if self._unstarted else None)
        if opening is not None:
            self._unstarted.remove(opening)
            opening.size, opening.is_flow = size, is_flow


def _load(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            # Slower, and milder: lone surrogates and bytes that are no UTF-8.
            value = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _load_stump(line: bytes) -> dict[str, Any]:
    """Return the fields that stand whole at the start of a line that is cut."""
    text = line.decode("utf-8", "replace")
    decoder = json.JSONDecoder(strict=False)
    fields: dict[str, Any] = {}
    position = 1
    try:
        while text[position - 1] in "{,":
            name, position = decoder.raw_decode(text, position)
            value, end = decoder.raw_decode(text, position + 1)
            if text[end] not in ",}" or not isinstance(name, str):
                break
            fields[name] = value
            position = end + 1
    except (ValueError, IndexError, RecursionError):
        return fields
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _number(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) else 0


def _microseconds(seconds: object) -> int | None:
    """Return a duration; None for what is none, or longer than any run."""
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < LONGEST_SECONDS:
        return None
    # Cut off, not rounded, as the engine does for its rows; by way of its nanoseconds.
    return round(seconds * 1e9) // 1000
