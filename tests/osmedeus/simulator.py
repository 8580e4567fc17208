"""Make bases with a known truth, as the engine of each version writes them; seeded."""

import heapq
import json
from datetime import timedelta
from random import Random
from typing import Any

from .world import FLOWS, MODULES, START, TrueRun, TrueStep, World

SECOND = 1_000_000
ROOT = "/srv/workspaces"
VERSIONS = ("5.0.0", "5.0.2", "5.1.0", "5.0.2 then 5.1.0")
WITHOUT_TARGET = {"prepare", "count", "wait", "wait-more"}


def simulate(seed: int, is_hard: bool = False) -> World:
    """Run an engine for a while; a hard world has twins that no rule can tell apart."""
    return _Engine(Random(seed), is_hard).world()


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
