"""Define the tables of what ran: sources, runs, steps, artifacts."""

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..columns import BigId, JsonData, UtcDateTime, utc_now
from .base import Base
from .enums import StepStatus
from .parts import PART_OF_ID

Item = TypeVar("Item", Index, ForeignKeyConstraint)


def _where(condition: str) -> dict[str, Any]:
    """Return what makes an index hold only the rows of a condition."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _nulls_first(column: str) -> dict[str, Any]:
    """Return what makes PostgreSQL keep empty values where SQLite does: before all others."""
    return {"postgresql_ops": {column: "NULLS FIRST"}}


def _by_value(column: str) -> list[Index]:
    """Return the indexes of a name or a duration: PostgreSQL's, and that of SQLite by parts."""
    columns = (column, "id", "status", "step_type")
    indexes = {
        "postgresql": Index(None, *columns),
        "sqlite": Index(f"ix_steps_part_{'_'.join(columns)}", PART_OF_ID, *columns),
    }
    return [_of_engine(engine, index) for engine, index in indexes.items()]


def _reference(column: str, target: str) -> ForeignKeyConstraint:
    """Return a reference that is a key of SQLite's table alone.

    PostgreSQL would look up what is referred to for each row: migration 0009 makes triggers there.
    """
    return _of_engine("sqlite", ForeignKeyConstraint([column], [target]))


def _of_engine(engine: str, item: Item) -> Item:
    """Let a part of a table be made on one engine only."""
    item.ddl_if(dialect=engine)
    item.info["engine"] = engine
    return item


class Source(Base):
    """A base that was imported: where it is, and what its last import said."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    path: Mapped[str] = mapped_column(Text)
    workspaces_path: Mapped[str] = mapped_column(Text, default="")
    # The demo moves its runs in time; this is the moment they end at. None: never moved.
    moved_to: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    imported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    summary: Mapped[dict[str, Any] | None] = mapped_column(JsonData)
    # An import that was asked for on a page: when it began, and why it failed, if it did.
    import_began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    import_error: Mapped[str] = mapped_column(Text, default="")


class Run(Base):
    """One run of a workflow over a target."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("source_id", "source_key"),
        Index(None, "run_uuid"),
        Index(None, "status", "id"),
        Index(None, "workspace", "id"),
        Index(None, "workflow_name", "id"),
        # How the latest runs of a workflow ended, and how long they took.
        Index(None, "workflow_name", "status", "id"),
        Index(None, "target", "id"),
        # Newest first, of one status, workspace, workflow or target.
        Index(None, "created_at", "id"),
        Index(None, "status", "created_at", "id"),
        Index(None, "workspace", "created_at", "id"),
        Index(None, "workflow_name", "created_at", "id"),
        Index(None, "target", "created_at", "id"),
        Index(None, "started_at", "id", "status", **_nulls_first("started_at")),
        Index(None, "completed_at", "id", "status", **_nulls_first("completed_at")),
        Index(None, "duration_ms", "id", **_nulls_first("duration_ms")),
        Index(None, "run_group_id", "id", **_where("run_group_id != ''")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    source_key: Mapped[str] = mapped_column(Text)
    run_uuid: Mapped[str] = mapped_column(Text)
    workflow_name: Mapped[str] = mapped_column(Text)
    workflow_kind: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))
    error: Mapped[str] = mapped_column(Text)
    trigger_type: Mapped[str] = mapped_column(Text)
    trigger_name: Mapped[str] = mapped_column(Text)
    run_group_id: Mapped[str] = mapped_column(Text)
    run_priority: Mapped[str] = mapped_column(Text)
    run_mode: Mapped[str] = mapped_column(Text)
    total_steps: Mapped[int] = mapped_column(BigInteger)
    completed_steps: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # From its start to its end; None while it has no end.
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # How many of its steps stand at each status; kept by the writer with the rows.
    steps_pending: Mapped[int] = mapped_column(default=0)
    steps_running: Mapped[int] = mapped_column(default=0)
    steps_completed: Mapped[int] = mapped_column(default=0)
    steps_failed: Mapped[int] = mapped_column(default=0)
    steps_skipped: Mapped[int] = mapped_column(default=0)
    params: Mapped[dict[str, Any] | None] = mapped_column(JsonData)

    source: Mapped[Source] = relationship()

    def count_steps(self) -> int:
        """Return how many steps of the run are stored, whatever their status."""
        return sum(getattr(self, f"steps_{status}") for status in StepStatus)


class Step(Base):
    """One step of a run.

    The columns that filter stand before the large texts: SQLite then never reads the overflow
    pages of an output to filter.
    """

    __tablename__ = "steps"
    __table_args__ = (
        _reference("run_id", "runs.id"),
        _reference("source_id", "sources.id"),
        UniqueConstraint("source_id", "source_key"),
        Index(None, "run_id", "id", "status", "step_type"),
        Index(None, "run_id", "position"),
        Index(None, "workspace", "id", "status", "step_type"),
        Index(None, "status", "id"),
        Index(None, "step_type", "id"),
        *_by_value("step_name"),
        Index(None, "started_at", "id", "status", "step_type", **_nulls_first("started_at")),
        *_by_value("duration_ms"),
        Index(None, "status", "started_at", "id", **_nulls_first("started_at")),
        # What ended when, of one status; of all, as these are few. Lists stand by the start.
        Index(
            None,
            "status",
            "completed_at",
            "id",
            "step_type",
            "started_at",
            **_nulls_first("completed_at"),
        ),
        # Of most steps these are empty.
        Index(None, "module_name", "id", **_where("module_name != ''")),
        Index(None, "recovered", "id", **_where("recovered != ''")),
        # To walk ids and filter without touching the rows, which are wide.
        Index(None, "id", "status", "step_type", "workspace"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    run_id: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(20))
    step_type: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str] = mapped_column(Text)
    step_name: Mapped[str] = mapped_column(Text)
    module_name: Mapped[str] = mapped_column(Text)
    recovered: Mapped[str] = mapped_column(String(20))
    position: Mapped[int] = mapped_column(Integer)
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    source_id: Mapped[int]
    source_key: Mapped[str] = mapped_column(Text)
    # One line that says what happened, so that a list never reads an output.
    preview: Mapped[str] = mapped_column(Text)
    output_bytes: Mapped[int] = mapped_column(BigInteger)
    output_lines: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(Text)
    exports: Mapped[dict[str, Any] | None] = mapped_column(JsonData)
    command: Mapped[str] = mapped_column(Text)
    output: Mapped[str] = mapped_column(Text)

    run: Mapped[Run] = relationship()


class Artifact(Base):
    """A file that a run left behind; its path is the one on the machine where it ran."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("source_id", "source_key"), Index(None, "run_id", "id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("runs.id"))
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    source_key: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    artifact_path: Mapped[str] = mapped_column(Text)
    artifact_type: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    line_count: Mapped[int] = mapped_column(BigInteger)
    optional: Mapped[bool]
    description: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
