"""What really ran in a simulated base, and how its files stood at a moment."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RUN_COLUMNS = [
    "id",
    "run_uuid",
    "workflow_name",
    "workflow_kind",
    "target",
    "params",
    "status",
    "workspace",
    "started_at",
    "completed_at",
    "created_at",
    "updated_at",
    "trigger_type",
    "total_steps",
    "completed_steps",
]
STEP_COLUMNS = [
    "id",
    "run_id",
    "step_name",
    "step_type",
    "status",
    "command",
    "output",
    "error_message",
    "exports",
    "duration_ms",
    "started_at",
    "completed_at",
    "created_at",
    "run_uuid",
]
# What a module is made of; some names stand in several, and some commands name the target.
MODULES = {
    "recon": ["prepare", "find-hosts", "probe", "count", "report"],
    "ports": ["prepare", "scan-ports", "grab-banners", "report"],
    "web": ["fetch", "list-urls", "check-login", "check-tls", "report"],
    "watch": ["warm-up", "wait", "wait-more"],
}
FLOWS = {"nightly": ["recon", "ports"], "deep": ["web", "recon", "watch"]}


@dataclass
class TrueStep:
    """A step as it really ran; `row_at` is when its row came into the database."""

    name: str
    status: str
    command: str
    began: int
    ended: int
    module: str = ""
    error: str = ""
    row_at: int | None = None
    row_id: str = ""

    @property
    def duration_ms(self) -> int:
        return (self.ended - self.began) // 1000


@dataclass
class TrueRun:
    """A run as it really went."""

    uuid: str
    number: int
    workflow: str
    is_flow: bool
    target: str
    folder: str
    params: dict[str, str]
    trigger: str
    started: int
    total: int
    status: str = "completed"
    completed: int | None = None
    is_deleted: bool = False
    steps: list[TrueStep] = field(default_factory=list)
    lines: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    console: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class World:
    """Everything that ran, and what each folder's log holds, in order: (time, run, line)."""

    version: str
    runs: list[TrueRun]
    logs: dict[str, list[tuple[int, TrueRun | None, bytes]]]
    end: int

    def write(self, folder: Path, until: int | None = None) -> Path:
        """Write the base as it stood at a moment; return its folder."""
        until = self.end if until is None else until
        (folder / "base").mkdir(parents=True, exist_ok=True)
        database = folder / "base" / "database-osm.sqlite"
        database.unlink(missing_ok=True)
        with closing(sqlite3.connect(database)) as connection:
            self.write_database(connection, until)
        for name, lines in self.logs.items():
            seen = [line for moment, _, line in lines if moment <= until]
            if seen:
                place = folder / "workspaces-osmedeus" / name
                place.mkdir(parents=True, exist_ok=True)
                (place / "run-execution.log").write_bytes(b"".join(seen))
                self._write_last_run(place, name, until)
        return folder / "base"

    def _write_last_run(self, place: Path, name: str, until: int) -> None:
        here = [run for run in self.runs if run.folder == name and run.lines[0][0] <= until]
        if not here:
            return
        last = max(here, key=lambda run: run.lines[0][0])
        (place / "run-workflow.yaml").write_text(json.dumps(workflow_document(last.workflow)))
        text = "".join(line for moment, line in last.console if moment <= until)
        (place / "run-console.log").write_text(text)

    def write_database(self, connection: sqlite3.Connection, until: int | None = None) -> None:
        """Write the tables as they stood at a moment."""
        until = self.end if until is None else until
        has_uuid = self.version == "5.1.0"
        columns = STEP_COLUMNS if has_uuid else STEP_COLUMNS[:-1]
        connection.execute(f"CREATE TABLE runs ({', '.join(RUN_COLUMNS)})")
        connection.execute(f"CREATE TABLE step_results ({', '.join(columns)})")
        rows: list[tuple[int, tuple[object, ...]]] = []
        for run in self.runs:
            if run.is_deleted or run.started > until:
                continue
            mark = ",".join("?" * len(RUN_COLUMNS))
            connection.execute(f"INSERT INTO runs VALUES ({mark})", _run_row(run, until))
            rows += [
                (step.row_at, _step_row(run, step)[: len(columns)])
                for step in run.steps
                if step.row_at is not None and step.row_at <= until
            ]
        mark = ",".join("?" * len(columns))
        ordered = [row for _, row in sorted(rows, key=lambda one: one[0])]
        connection.executemany(f"INSERT INTO step_results VALUES ({mark})", ordered)
        connection.commit()


def workflow_document(name: str) -> dict[str, Any]:
    """Return a workflow as its file tells it."""
    if name not in FLOWS:
        return {"kind": "module", "name": name, "steps": _step_documents(MODULES[name])}
    modules = [{"name": one, "steps": _step_documents(MODULES[one])} for one in FLOWS[name]]
    hooks = {
        "pre_scan_steps": _step_documents([f"{name}-begins"]),
        "post_scan_steps": _step_documents([f"{name}-ends"]),
    }
    return {"kind": "flow", "name": name, "hooks": hooks, "modules": modules}


def time_text(moment: int | None) -> str | None:
    """Return a moment as the database tells it."""
    if moment is None:
        return None
    return (START + timedelta(microseconds=moment)).isoformat(" ")


def _step_documents(names: list[str]) -> list[dict[str, str]]:
    return [{"name": name, "type": "bash"} for name in names]


def _run_row(run: TrueRun, until: int) -> tuple[object, ...]:
    is_over = run.completed is not None and run.completed <= until
    return (
        run.number,
        run.uuid,
        run.workflow,
        "flow" if run.is_flow else "module",
        run.target,
        json.dumps(run.params),
        run.status if is_over else "running",
        run.folder,
        time_text(run.started),
        time_text(run.completed) if is_over else None,
        time_text(run.started),
        time_text(run.completed if is_over else run.started),
        run.trigger,
        run.total,
        len(run.steps),
    )


def _step_row(run: TrueRun, step: TrueStep) -> tuple[object, ...]:
    times = (time_text(step.began), time_text(step.ended), time_text(step.row_at))
    texts = (step.name, "bash", "success", step.command, f"{step.name}\n", "", "null")
    return (step.row_id, run.number, *texts, step.duration_ms, *times, run.uuid)
