"""Write lines as the engine writes them."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from webapp.ingest.osmedeus.database import SourceRow, SourceRun
from webapp.ingest.osmedeus.execution_log import read_execution_log
from webapp.ingest.osmedeus.matching import Ended, FolderLog, Outcome, match_steps
from webapp.ingest.osmedeus.times import SECOND, to_moment
from webapp.ingest.osmedeus.workflow_file import Workflow

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def line(seconds: float, message: str, **fields: Any) -> bytes:
    """Return a line of an execution log, as the engine writes it."""
    stamp = at(seconds).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    document = {"level": "INFO", "timestamp": stamp, "message": message, **fields}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def opening(seconds: float, target: str, steps: int, **params: Any) -> bytes:
    """Return the lines with which a module begins."""
    cli_params = {"target": target, **params}
    return line(seconds, "Parameters initialized", cli_params=cli_params) + line(
        seconds, "Starting module execution", target=target, steps=steps
    )


def completed(seconds: float, name: str, took: float = 0.0105, **changes: Any) -> bytes:
    """Return the line of a step that ended well."""
    fields = {
        "step_name": name,
        "step_type": "bash",
        "command": f"run {name}",
        "status": "success",
        "duration": took,
        "output": f"output of {name}",
    }
    return line(seconds, "Step completed", **{**fields, **changes})


def failed(seconds: float, name: str, took: float = 0.0105, **changes: Any) -> bytes:
    """Return the two lines of a step that failed."""
    error = changes.pop("error", "command exited with code 1")
    fields = {"step_name": name, "step_type": "bash", "command": f"run {name}"}
    first = {**fields, "duration": took, "error": error, **changes}
    return line(seconds, "Step failed", **first) + line(
        seconds, "Step failed", step=name, error=error
    )


def closing(seconds: float, steps: int, elapsed: str) -> bytes:
    """Return the line with which a module ends."""
    fields = {"total_steps": steps, "completed": steps, "elapsed": elapsed}
    return line(seconds, "Module execution completed", **fields)


def run(
    key: str, target: str, began: float, ended: float | None, steps: int, **columns: Any
) -> SourceRun:
    """Return a run as the database has it."""
    values = {
        "id": key,
        "target": target,
        "total_steps": steps,
        "status": "completed" if ended is not None else "running",
        "workflow_name": "wf",
        "workflow_kind": "module",
        "trigger_type": "cli",
        **columns,
    }
    params = values.pop("params", {"target": target})
    ended_at = None if ended is None else to_moment(at(ended))
    return SourceRun(key, values, params, to_moment(at(began)), ended_at)


def row(number: int, run_key: str, name: str, ended: float, took: float = 0.0105) -> SourceRow:
    """Return the row of a step that `completed` writes."""
    end = to_moment(at(ended))
    assert end is not None
    return SourceRow(
        rowid=number,
        key=f"row-{number}",
        run_key=run_key,
        run_hint=run_key,
        name=name,
        step_type="bash",
        status="success",
        duration_ms=int(took * 1000),
        digest=hash((name, f"run {name}")),
        started_at=end - round(took * SECOND),
        completed_at=end,
    )


@dataclass
class Matched:
    """A matching with the steps of each run."""

    steps: dict[str, list[Ended]]
    outcomes: Counter[Outcome]
    in_both: int


def match(
    runs: list[SourceRun],
    logs: dict[str, bytes],
    rows: list[SourceRow] | None = None,
    workflows: dict[str, Workflow] | None = None,
) -> Matched:
    """Match the logs of some folders."""
    folders = [
        FolderLog(name, read_execution_log(text.splitlines(True)), (workflows or {}).get(name))
        for name, text in logs.items()
    ]
    return match_all(runs, rows or [], folders)


def match_all(runs: list[SourceRun], rows: list[SourceRow], folders: list[FolderLog]) -> Matched:
    """Match logs with all rows; return the steps of each run that has any."""
    matching = match_steps(runs, lambda _: rows, folders)
    steps = {
        run.key: matching.steps_of(run.key, [row for row in rows if row.run_key == run.key])
        for run in runs
    }
    found = {key: ended for key, ended in steps.items() if ended}
    return Matched(found, matching.outcomes, matching.in_both)


def names(matching: Matched) -> dict[str, list[str]]:
    """Return the names of each run's steps, in order."""
    return {key: [step.name for step in steps] for key, steps in matching.steps.items()}
