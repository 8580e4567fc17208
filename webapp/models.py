"""Define the tables and the enums of statuses and types; no queries and no request here."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from .columns import BigId, JsonData, UtcDateTime, utc_now


class StepStatus(StrEnum):
    """How a step stands; the documented values."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class RunStatus(StrEnum):
    """How a run stands; Osmedeus's values, and `unknown` for a run whose steps outlived it."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    WEBHOOK = "webhook"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class StepType(StrEnum):
    """What kind of work a step does: the seven documented types, then the newer agents."""

    BASH = "bash"
    FUNCTION = "function"
    FOREACH = "foreach"
    PARALLEL_STEPS = "parallel-steps"
    REMOTE_BASH = "remote-bash"
    HTTP = "http"
    LLM = "llm"
    AGENT = "agent"
    AGENT_ACP = "agent-acp"
    AGENT_SDK = "agent-sdk"


class Recovered(StrEnum):
    """Where a step was found, when not in the source's database; `""` means a database row."""

    NO = ""
    EXECUTION_LOG = "execution log"
    CONSOLE_LOG = "console log"


# Steps are counted by blocks of so many ids; block TOTAL_BLOCK holds the sums over all of them.
BLOCK_SIZE = 16_384
TOTAL_BLOCK = -1


class Base(DeclarativeBase):
    """The base of all models; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(model: type[Base]) -> Table:
    """Return a model's table, typed as one."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


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


class Run(Base):
    """One run of a workflow over a target."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("source_id", "source_key"),
        Index(None, "run_uuid"),
        Index(None, "status", "id"),
        Index(None, "workspace", "id"),
        Index(None, "workflow_name", "id"),
        Index(None, "target", "id"),
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
        UniqueConstraint("source_id", "source_key"),
        Index(None, "run_id", "id"),
        Index(None, "workspace", "id"),
        Index(None, "status", "id"),
        Index(None, "step_type", "id"),
        Index(None, "step_name", "id", "status", "step_type"),
        # To walk ids and filter without touching the rows, which are wide.
        Index(None, "id", "status", "step_type", "workspace"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("runs.id"))
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
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
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


class StepCount(Base):
    """How many steps of one workspace, status and type have ids in one block of ids.

    The writer changes it in the transaction that changes the steps. `block` is `id // BLOCK_SIZE`,
    or TOTAL_BLOCK.
    """

    __tablename__ = "step_counts"
    __table_args__ = (Index(None, "workspace", "block"),)

    block: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    status: Mapped[str] = mapped_column(String(20), primary_key=True)
    step_type: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class BlockCount(Base):
    """The same for all workspaces together; far fewer rows, so that lists read these."""

    __tablename__ = "block_counts"

    block: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(20), primary_key=True)
    step_type: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class Counter(Base):
    """The last id given out for a table; the writer's, so that ids only grow on any engine."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class User(Base):
    """A person who may sign in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    is_authenticated = True
    is_anonymous = False

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the session; another password makes it worthless."""
        return f"{self.id}-{hashlib.sha256(self.password_hash.encode()).hexdigest()[:16]}"


class Token(Base):
    """A key for scripts; only its SHA-256 is kept."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User] = relationship()
