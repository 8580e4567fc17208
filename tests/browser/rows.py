"""The real base, and rows that look like a busy install, for browser tests and pictures."""

import itertools
import random
from datetime import datetime, timedelta

from flask import Flask

from tests.data import make_run, make_step, write
from webapp.columns import utc_now
from webapp.ingest.demo import import_demo
from webapp.ingest.records import RunRecord, StepRecord
from webapp.models import Recovered, RunStatus, StepStatus

N_RUNS = 24
HOSTS = (
    "example.com",
    "example.org",
    "very-long-subdomain.of-some-department.internal.corp.example.net",
    "name with <b>markup</b> & 'quotes'",
)
WORKFLOWS = ("port-scan", "nightly", "recon-domain", "full-flow-with-a-rather-long-name")
STEPS = (
    ("find-hosts", "bash", "api7.example.org\nwww.example.org\n"),
    ("scan-ports", "bash", "10.0.0.1:443 open\n" * 9),
    ("odd-output", "function", "<script>alert(1)</script>\n\x1b[31mred\x1b[0m\n"),
    ("resolve-and-filter-wildcards-of-all-found-hosts", "foreach", "true"),
    ("send-results", "bash", "connection refused: 127.0.0.1:9200\n"),
)


def import_sample(app: Flask) -> None:
    """Import the real base, moved into the last days."""
    with app.app_context():
        import_demo(lambda *_: None)


def write_rows(app: Flask) -> None:
    """Write N_RUNS runs: mostly good, every fourth failed at its last step, one that runs."""
    choose = random.Random(5)
    now = utc_now()
    runs, steps = [], []
    for n in range(1, N_RUNS + 1):
        started_at = now - timedelta(minutes=4 + 3 * (N_RUNS - n) ** 2)
        run = _make_run(n, choose, started_at)
        runs.append(run)
        if run.status not in (RunStatus.QUEUED, RunStatus.PENDING):
            steps += _make_steps(n, run)
    write(app, runs, steps)


def _make_run(n: int, choose: random.Random, started_at: datetime) -> RunRecord:
    odd = {7: RunStatus.CANCELLED, 21: RunStatus.RUNNING, 23: RunStatus.QUEUED}
    status = odd.get(n, RunStatus.COMPLETED if n % 4 else RunStatus.FAILED)
    has_ended = status not in (RunStatus.RUNNING, RunStatus.QUEUED)
    host = choose.choice(HOSTS)
    return make_run(
        f"0b9d4c1e-77aa-4c1e-9d4c-{n:012}",
        status=status,
        workflow_name=choose.choice(WORKFLOWS),
        target=host,
        workspace=host,
        trigger_type=choose.choice(("cli", "api", "cron")),
        started_at=None if status == RunStatus.QUEUED else started_at,
        completed_at=started_at + timedelta(seconds=247) if has_ended else None,
        created_at=started_at,
        updated_at=started_at,
        total_steps=len(STEPS),
        completed_steps=0 if status == RunStatus.QUEUED else len(STEPS),
        error="command exited with code 7" if status == RunStatus.FAILED else "",
    )


def _make_steps(run_id: int, run: RunRecord) -> list[StepRecord]:
    steps = []
    for position, (name, kind, output) in zip(itertools.count(1), STEPS, strict=False):
        is_last = position == len(STEPS)
        status = StepStatus.COMPLETED
        if is_last and run.status in (RunStatus.FAILED, RunStatus.RUNNING):
            status = StepStatus(run.status.value)
        has_failed = status == StepStatus.FAILED
        started_at = run.created_at + timedelta(seconds=40 * position)
        took = timedelta(milliseconds=(4, 850, 12_400, 38_000, 2)[position - 1])
        steps.append(
            make_step(
                run_id,
                position,
                workspace=run.workspace,
                step_name=name,
                step_type=kind,
                status=status,
                output="" if is_last and not has_failed else output,
                error="command exited with code 7" if has_failed else "",
                recovered=Recovered.EXECUTION_LOG if has_failed else Recovered.NO,
                started_at=started_at,
                completed_at=None if status == StepStatus.RUNNING else started_at + took,
                duration_ms=round(took / timedelta(milliseconds=1)),
                created_at=started_at,
                updated_at=started_at,
            )
        )
    return steps
