"""Make bases with a known truth, as the engine of each version writes them; seeded."""

import heapq
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = 1_000_000
ROOT = "/srv/workspaces"
VERSIONS = ("5.0.0", "5.0.2", "5.1.0", "5.0.2 then 5.1.0")
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
WITHOUT_TARGET = {"prepare", "count", "wait", "wait-more"}


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


def simulate(seed: int, is_hard: bool = False) -> World:
    """Run an engine for a while; a hard world has twins that no rule can tell apart."""
    return _Engine(Random(seed), is_hard).world()


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


class _Engine:
    def __init__(self, random: Random, is_hard: bool) -> None:
        self.random = random
        self.is_hard = is_hard
        self.version = random.choice(VERSIONS)
        self.runs: list[TrueRun] = []

    def world(self) -> World:
        now = 0
        for number in range(self.random.randint(1, 4)):
            name = f"t{number}.example.com"
            kind = self.random.choice(["serial", "serial", "parallel", "server"])
            most = 64 if self.random.random() < 0.1 else 8
            started = now
            for _ in range(self.random.randint(2, most)):
                started = self._run_once(kind, name, started)
            now = self.random.choice([0, started])
        end = max(moment for run in self.runs for moment, _ in run.lines) + 60 * SECOND
        # Rows stop when the engine is replaced by one that cannot insert them.
        if self.version == "5.0.2 then 5.1.0":
            self._lose_rows_after(self.random.randint(0, end))
        if self.random.random() < 0.25:
            self._recreate_database(self.random.randint(0, end))
        return World(self.version, self.runs, self._logs(), end)

    def _run_once(self, kind: str, name: str, started: int) -> int:
        """Add a run; return when the next one of its folder starts."""
        run = self._new_run(kind, name, started)
        _Running(self, run).go()
        if kind == "serial":
            last = max(run.completed or 0, run.lines[-1][0])
            return last + self.random.randint(SECOND // 20, 5 * SECOND)
        return started + self.random.randint(1000, 3 * SECOND)

    def _new_run(self, kind: str, name: str, started: int) -> TrueRun:
        random = self.random
        workflow = random.choice([*MODULES, *FLOWS])
        is_server = kind == "server"
        number = len(self.runs) + 1
        is_twin = kind != "serial" and random.random() < (0.5 if self.is_hard else 0.0)
        target = name if kind == "serial" or is_twin else f"g{number}.{name}"
        params = {"target": target}
        if not is_server:
            params["space_name"] = "" if kind == "serial" else name
        if random.random() < 0.2:
            params["deep"] = "true"
        uuid = f"{random.getrandbits(32):08x}-0000-4000-8000-{random.getrandbits(48):012x}"
        total = len(FLOWS.get(workflow) or MODULES[workflow])
        run = TrueRun(
            uuid=uuid,
            number=number,
            workflow=workflow,
            is_flow=workflow in FLOWS,
            target=target,
            folder=name,
            params=params,
            trigger="api" if is_server else "cli",
            started=started + random.randint(0, SECOND),
            total=total,
        )
        self.runs.append(run)
        return run

    def _lose_rows_after(self, moment: int) -> None:
        for step in (step for run in self.runs for step in run.steps):
            if step.row_at is not None and step.row_at > moment:
                step.row_at = None

    def _recreate_database(self, moment: int) -> None:
        """Forget what began before a moment; the numbers begin again."""
        number = 0
        for run in self.runs:
            run.is_deleted = run.started < moment
            if not run.is_deleted:
                number += 1
                for _, fields in run.lines:
                    params = fields.get("cli_params", {})
                    if "DBRunID" in params:
                        params["DBRunID"] = str(number)
                run.number = number

    def _logs(self) -> dict[str, list[tuple[int, TrueRun | None, bytes]]]:
        logs = {}
        for name in dict.fromkeys(run.folder for run in self.runs):
            runs = [run for run in self.runs if run.folder == name]
            streams = ([(at, run.number, run, line) for at, line in run.lines] for run in runs)
            merged = heapq.merge(*streams, key=lambda one: one[:2])
            lines: list[tuple[int, TrueRun | None, bytes]] = []
            for at, _, run, fields in merged:
                lines.append((at, run, _line(at, fields)))
                if self.random.random() < 0.01:
                    garbage = self.random.choice([b"\0\0\n", b"{]\n", b"oops \xff\r\n", b"\n"])
                    lines.append((at, None, garbage))
            logs[name] = lines
        if self.random.random() < 0.2:
            name, lines = next(iter(logs.items()))
            logs[f"{name}-copy"] = lines[: self.random.randint(1, len(lines))]
        return logs


class _Running:
    """One run while it goes, with its own clock."""

    def __init__(self, engine: _Engine, run: TrueRun) -> None:
        self.random = engine.random
        self.version = engine.version
        self.run = run
        wait = self.random.randint(0, 12 * SECOND) if run.trigger == "api" else 0
        self.now = run.started + wait + self.random.randint(500, 5000)
        self.fate = self.random.choices(
            ["completed", "failed", "cancelled", "killed"], [6, 4, 1, 1]
        )[0]
        self.steps_left = self.random.randint(0, 6)

    def go(self) -> None:
        run = self.run
        opened = self.now
        self._say("Parameters initialized", cli_params=run.params)
        is_over = self._go_flow(opened) if run.is_flow else self._go_module(run.workflow, "")
        if is_over:
            run.status = {"killed": "running"}.get(self.fate, self.fate)
        if self.fate != "killed" or not is_over:
            run.completed = max(run.completed or 0, self.now + self.random.randint(200, 9000))
        if run.status == "cancelled":
            run.completed = max(opened, self._last_end() - self.random.randint(0, 4 * SECOND))
        self._keep_rows()

    def _go_flow(self, opened: int) -> bool:
        run = self.run
        self._say("Starting flow execution", target=run.target, modules=run.total)
        if self._step(f"{run.workflow}-begins", ""):
            return True
        for module in FLOWS[run.workflow]:
            self._say("Executing inline module", module=module)
            uuid = run.uuid[:8][::-1] if self.version == "5.0.0" else run.uuid
            inner = {"RunUUID": uuid, "DBRunID": str(run.number), "ModuleName": run.workflow}
            self._say("Parameters initialized", cli_params={**run.params, **inner})
            if self._go_module(module, module):
                return True
        if self._step(f"{run.workflow}-ends", ""):
            return True
        self._say("Flow execution completed", duration=(self.now - opened) / SECOND)
        return False

    def _go_module(self, name: str, module: str) -> bool:
        """Run the steps of a module; tell whether the run is over before its end."""
        opened = self.now
        names = MODULES[name]
        self._say("Starting module execution", target=self.run.target, steps=len(names))
        self._print(f"\n★ Executing: {name}\n")
        completed = index = 0
        while index < len(names):
            if self.random.random() < 0.1:
                self.run.steps.append(
                    TrueStep(names[index], "skipped", "", self.now, self.now, module)
                )
                self._print(f"◌ {names[index]} (skipped)\n")
            elif self._step(names[index], module):
                return True
            elif self.run.steps[-1].status == "completed":
                completed += 1
            # A goto goes back.
            index += -1 if index and self.random.random() < 0.08 else 1
        elapsed = self.now - opened
        text = f"{elapsed // 1000}ms" if elapsed < SECOND else f"{elapsed / SECOND:.1f}s"
        self._say(
            "Module execution completed", total_steps=len(names), completed=completed, elapsed=text
        )
        return False

    def _step(self, name: str, module: str) -> bool:
        """Run a step; tell whether the run is over with it."""
        self.now += self.random.randint(80, 400)
        took = int(1000 * 10 ** self.random.uniform(0, 4))
        command = f"run {name}" + ("" if name in WITHOUT_TARGET else f" {self.run.target}")
        command += f" > {ROOT}/{self.run.folder}/{name}.txt"
        is_last = self.fate != "completed" and self.steps_left <= 0
        self.steps_left -= 1
        self._print(f"▶ $ (starting) {name}\n  $ {command}\n")
        if is_last and self.fate == "killed":
            return True
        status = "failed" if is_last or self.random.random() < 0.08 else "completed"
        error = "" if status == "completed" else f"exited with {self.random.randint(1, 9)}"
        ended = self.now + took
        step = TrueStep(name, status, command, self.now, ended, module, error)
        step.row_id = f"{self.random.getrandbits(64):016x}"
        self.run.steps.append(step)
        self.now = ended + self.random.randint(10, 200)
        shared = {"step_name": name, "step_type": "bash", "command": command}
        duration = (took * 1000 + self.random.randint(0, 999)) / 1e9
        if status == "completed":
            output = f"{name}\n"
            self._say(
                "Step completed", **shared, status="success", duration=duration, output=output
            )
            text = f"{took // 1000}ms" if took < SECOND else f"{took / SECOND:.1f}s"
            self._print(f"✔ $ (finished in {text}) {name}\n")
        else:
            self._say("Step failed", **shared, duration=duration, error=error)
            self._say("Step failed", step=name, error=error)
            self._print(f"⏹ $ (failed) {name}: {error}\n")
        return is_last

    def _keep_rows(self) -> None:
        """Write the rows that this version keeps: in batches of ten, or after five seconds."""
        run = self.run
        done = [step for step in run.steps if step.status == "completed"]
        is_whole = run.status == "completed" or run.trigger == "api"
        if self.version == "5.0.0" and run.status != "completed":
            return
        if self.version != "5.0.0" and run.is_flow:
            done = [step for step in done if step.module in ("", FLOWS[run.workflow][0])]
            done = [step for step in done if not step.name.endswith("-ends")]
        last = self._last_end()
        batch: list[TrueStep] = []
        for step in done:
            batch.append(step)
            if len(batch) == 10 or step.ended - batch[0].ended > 5 * SECOND:
                _flush(batch, step.ended)
        if is_whole or (batch and last - batch[0].ended > 5 * SECOND):
            _flush(batch, run.completed or last)

    def _last_end(self) -> int:
        return max([step.ended for step in self.run.steps] or [self.now])

    def _say(self, message: str, **fields: Any) -> None:
        self.run.lines.append((self.now, {"message": message, **fields}))
        self.now += self.random.randint(5, 60)

    def _print(self, text: str) -> None:
        self.run.console.append((self.now, text))


def _flush(batch: list[TrueStep], moment: int) -> None:
    for step in batch:
        step.row_at = moment
    batch.clear()


def _line(at: int, fields: dict[str, Any]) -> bytes:
    stamp = (START + timedelta(microseconds=at)).replace(microsecond=0).isoformat()
    document = {"level": "INFO", "timestamp": stamp, **fields}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


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
