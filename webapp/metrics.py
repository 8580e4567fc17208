"""Count and time requests for Prometheus, in one process or over all workers of a host."""

import os
from pathlib import Path
from typing import cast

from flask import Flask, Response, current_app, request
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.values import MutexValue, ValueClass

from .config import ConfigError
from .measuring import cost_of_request
from .transactions import BUSY, FULL, GONE, TOO_SLOW

# Where the workers of a host put their numbers together; prometheus_client reads it by itself,
# once, when it is imported.
FOLDER_NAME = "PROMETHEUS_MULTIPROC_DIR"
IS_SHARED = ValueClass is not MutexValue
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Anybody can make methods up; each would be another series.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REASONS = {BUSY: "busy", TOO_SLOW: "too_slow", GONE: "gone", FULL: "full"}
_EXTENSION = "stepboard-metrics"
# As many lines again that nobody looks at.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The numbers of one application; shared, those of all processes with the same folder.

    All have labels, so that a process which answers no request writes nothing.
    """

    def __init__(self) -> None:
        """Begin at nothing, or where this process's file stands."""
        self.registry = CollectorRegistry()
        registry = None if IS_SHARED else self.registry
        self._requests = Counter(
            "stepboard_requests",
            "Requests that were answered.",
            ("endpoint", "method", "status"),
            registry=registry,
        )
        self._durations = Histogram(
            "stepboard_request_duration_seconds",
            "Time from a request's arrival to the start of its answer.",
            ("endpoint",),
            buckets=BUCKETS,
            registry=registry,
        )
        self._database = Histogram(
            "stepboard_request_database_seconds",
            "Time that a request waited for the database.",
            ("endpoint",),
            buckets=BUCKETS,
            registry=registry,
        )
        self._statements = Counter(
            "stepboard_database_statements",
            "SQL statements of requests, all and those that were slow.",
            ("speed",),
            registry=registry,
        )
        self._failures = Counter(
            "stepboard_database_failures",
            "Requests answered 503 because the database was busy, too slow, or gone.",
            ("reason",),
            registry=registry,
        )

        self._choices = Counter(
            "stepboard_replica_choices",
            "Requests that might read from the replica, by what they did read from.",
            ("database",),
            registry=registry,
        )
        self._has_reasons = False

    def count_request(self, response: Response) -> None:
        """Count the request at hand, and what it cost."""
        cost = cost_of_request()
        endpoint = request.endpoint or "none"
        method = request.method if request.method in METHODS else "other"
        self._requests.labels(endpoint, method, str(response.status_code)).inc()
        self._durations.labels(endpoint).observe(cost.elapsed_s())
        self._database.labels(endpoint).observe(cost.database_s)
        self._statements.labels("slow").inc(cost.n_slow)
        self._statements.labels("other").inc(cost.n_statements - cost.n_slow)
        if not self._has_reasons:
            # A rate needs a beginning: all stand at 0 before the first failure.
            self._has_reasons = True
            for reason in REASONS.values():
                self._failures.labels(reason)

    def count_database_failure(self, why: str) -> None:
        """Count an answer 503; `why` is what `transactions.why_try_again` said."""
        self._failures.labels(REASONS[why]).inc()

    def count_choice(self, reads_replica: bool) -> None:
        """Count a request that might read from the replica."""
        self._choices.labels("replica" if reads_replica else "primary").inc()


def init_metrics(app: Flask) -> None:
    """Count every request of the application; raise ConfigError for a folder that is none."""
    if IS_SHARED:
        check_folder()
    app.extensions[_EXTENSION] = Metrics()
    app.after_request(_count)


def check_folder() -> Path:
    """Return the folder of the shared numbers; raise ConfigError if it cannot be written."""
    given = os.environ.get(FOLDER_NAME, "")
    folder = Path(given)
    if not given or not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(
            f"{FOLDER_NAME} must be a folder that this user may write, not {given!r}: "
            "make it, or unset it for a single worker."
        )
    return folder


def metrics_of(app: Flask) -> Metrics:
    """Return the numbers of an application."""
    return cast(Metrics, app.extensions[_EXTENSION])


def _count(response: Response) -> Response:
    metrics_of(current_app).count_request(response)
    return response
