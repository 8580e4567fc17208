"""Put together what Prometheus reads: what was counted, the rows, the processes, the version."""

import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from flask import current_app
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from .config import VERSION
from .extensions import db
from .metrics import IS_SHARED, check_folder, metrics_of
from .models import RunStatus, StepStatus
from .queries.rows_by_kind import count_rows_by_kind, count_runs_by_status, count_steps_by_status

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
# To count a million runs takes 0.1 s: so long the numbers are kept.
RUNS_KEPT_S = 60.0
_PROC = Path("/proc")


class Exposition(Collector):
    """All that one reading of the metrics gives."""

    def __init__(self) -> None:
        """Know no number of runs yet."""
        self._runs: Mapping[str, int] = {}
        self._runs_until = 0.0
        self._lock = Lock()

    def to_text(self) -> bytes:
        """Return all metrics in Prometheus's text format, of the type CONTENT_TYPE."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; while the database fails, those that need none."""
        yield _build_info()
        yield from _counted()
        yield from _processes()
        try:
            yield from self._rows()
        except SQLAlchemyError as error:
            db.session.rollback()
            current_app.logger.warning("the rows were not counted: %s", error)
            yield _gauge("stepboard_database_up", "Whether the database answers.", {(): 0})

    def _rows(self) -> Iterable[Metric]:
        steps, runs, rows = count_steps_by_status(), self._count_runs(), count_rows_by_kind()
        return (
            _gauge("stepboard_database_up", "Whether the database answers.", {(): 1}),
            _gauge(
                "stepboard_steps", "Steps that are stored.", _by(steps, StepStatus), ("status",)
            ),
            _gauge("stepboard_runs", "Runs, to the minute.", _by(runs, RunStatus), ("status",)),
            _gauge("stepboard_rows", "Rows of the small tables.", _by(rows), ("kind",)),
        )

    def _count_runs(self) -> Mapping[str, int]:
        with self._lock:
            if time.monotonic() >= self._runs_until:
                self._runs = count_runs_by_status()
                self._runs_until = time.monotonic() + RUNS_KEPT_S
            return self._runs


def _gauge(
    name: str, what: str, values: Mapping[tuple[str, ...], float], labels: tuple[str, ...] = ()
) -> Metric:
    gauge = GaugeMetricFamily(name, what, labels=labels)
    for label_values, value in values.items():
        gauge.add_metric(label_values, value)
    return gauge


def _by(counts: Mapping[str, int], known: Iterable[str] = ()) -> dict[tuple[str, ...], float]:
    """Return the counts by label; 0 for what is known and has none, as a rate needs a beginning."""
    return {(str(name),): n for name, n in ({name: 0 for name in known} | dict(counts)).items()}


def _build_info() -> Metric:
    found = (VERSION, platform.python_version(), db.engine.dialect.name)
    labels = ("version", "python", "database")
    return _gauge("stepboard_build_info", "What runs here; always 1.", {found: 1}, labels)


def _counted() -> Iterable[Metric]:
    """Return what this process counted; shared, what all of them did, those too that ended."""
    if not IS_SHARED:
        return metrics_of(current_app).registry.collect()
    # It has no types.
    make: Any = MultiProcessCollector
    shared: Iterable[Metric] = make(CollectorRegistry(), str(check_folder())).collect()
    return shared


def _processes() -> Iterable[Metric]:
    """Return memory, CPU and files of this process; shared, of each worker by its `pid`."""
    if not IS_SHARED:
        return ProcessCollector(registry=None).collect()
    found: dict[str, Metric] = {}
    for pid in _find_workers():
        for metric in ProcessCollector(registry=None, pid=partial(int, pid)).collect():
            known = found.setdefault(metric.name, metric)
            samples = [sample._replace(labels={"pid": str(pid)}) for sample in metric.samples]
            known.samples = ([] if known is metric else known.samples) + samples
    return found.values()


def _find_workers() -> list[int]:
    """Return the workers that have counted something: those of our own parent that live."""
    names = {path.stem.rpartition("_")[2] for path in check_folder().glob("*.db")}
    pids = sorted(int(name) for name in names if name.isdecimal())
    return [pid for pid in pids if _parent_of(pid) == os.getppid()]


def _parent_of(pid: int) -> int:
    """Return the parent of a process, 0 for one that is gone; its number may be another's now."""
    try:
        # The name of the program, in parentheses, may hold anything.
        return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
