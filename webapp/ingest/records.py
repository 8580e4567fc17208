"""Define what a source hands to the writer: runs, steps and artifacts as plain records."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..models import Recovered, RunStatus, StepStatus


@dataclass(slots=True)
class RunRecord:
    """A run as its source tells it; `source_key` is the source's own key of it."""

    source_key: str
    status: RunStatus
    created_at: datetime
    updated_at: datetime
    wanted_id: int | None = None
    run_uuid: str = ""
    workflow_name: str = ""
    workflow_kind: str = ""
    target: str = ""
    workspace: str = ""
    error: str = ""
    trigger_type: str = ""
    trigger_name: str = ""
    run_group_id: str = ""
    run_priority: str = ""
    run_mode: str = ""
    total_steps: int = 0
    completed_steps: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    params: dict[str, Any] | None = None

    def duration_ms(self) -> int | None:
        """Return how long the run took; None while it has no end."""
        if self.started_at is None or self.completed_at is None:
            return None
        return max((self.completed_at - self.started_at) // timedelta(milliseconds=1), 0)


@dataclass(slots=True)
class StepRecord:
    """A step as its source tells it.

    `place_key` names the place it has in its run, however the source came to know of it: a step
    first recovered from a log is found again by it when its row appears in the database later.
    """

    source_key: str
    run_id: int
    workspace: str
    position: int
    step_name: str
    step_type: str
    status: StepStatus
    created_at: datetime
    updated_at: datetime
    place_key: str = ""
    module_name: str = ""
    recovered: Recovered = Recovered.NO
    command: str = ""
    output: str = ""
    error: str = ""
    exports: dict[str, Any] | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration_ms: int = 0


@dataclass(slots=True)
class ArtifactRecord:
    """A file that a run left behind."""

    source_key: str
    run_id: int
    workspace: str
    name: str
    artifact_path: str
    created_at: datetime
    artifact_type: str = ""
    content_type: str = ""
    size_bytes: int = 0
    line_count: int = 0
    optional: bool = False
    description: str = ""


@dataclass(slots=True)
class Tally:
    """How many records a writer added, changed, or found as they were."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(
            self.added + other.added,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
        )

    def n_written(self) -> int:
        """Return how many records were added or changed."""
        return self.added + self.changed


@dataclass(slots=True)
class WriterSummary:
    """What one writer did."""

    runs: Tally = field(default_factory=Tally)
    steps: Tally = field(default_factory=Tally)
    artifacts: Tally = field(default_factory=Tally)

    def n_written(self) -> int:
        """Return how many rows were added or changed."""
        return sum(one.n_written() for one in (self.runs, self.steps, self.artifacts))
