"""Name the statuses, the types and the other fixed sets of values."""

from enum import StrEnum


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


# A run with one of these has not ended.
OPEN_STATUSES = (RunStatus.PENDING, RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WEBHOOK)


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


class Role(StrEnum):
    """What a user may do: a viewer reads, an admin manages users and sources too."""

    ADMIN = "admin"
    VIEWER = "viewer"


class Scope(StrEnum):
    """What a token may do, each more than the one before; never more than its user may."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Return how far the scope goes."""
        return list(Scope).index(self)


class Action(StrEnum):
    """What an audit event tells of."""

    LOGGED_IN = "logged-in"
    LOGIN_REFUSED = "login-refused"
    LOGIN_THROTTLED = "login-throttled"
    LOGGED_OUT = "logged-out"
    SESSIONS_ENDED = "sessions-ended"
    PASSWORD_CHANGED = "password-changed"
    PASSWORD_REFUSED = "password-refused"
    PASSWORD_THROTTLED = "password-throttled"
    USER_ADDED = "user-added"
    USER_ROLE_CHANGED = "user-role-changed"
    USER_DISABLED = "user-disabled"
    USER_ENABLED = "user-enabled"
    TOKEN_MADE = "token-made"
    TOKEN_REVOKED = "token-revoked"
    IMPORT_ASKED = "import-asked"
    IMPORTED = "imported"
    IMPORT_FAILED = "import-failed"
