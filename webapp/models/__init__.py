"""Define the tables and the enums of statuses and types; no queries and no request here."""

from .audit import AuditEvent
from .base import Base, table_of
from .counts import (
    BLOCK_SIZE,
    TOTAL_BLOCK,
    VERSION_COUNTER,
    BlockCount,
    Counter,
    StepCount,
    StepName,
    block_of,
    blocks_of,
    group_of,
    ids_of,
)
from .enums import (
    OPEN_STATUSES,
    Action,
    Recovered,
    Role,
    RunStatus,
    Scope,
    StepStatus,
    StepType,
)
from .history import Artifact, Run, Source, Step
from .parts import (
    StepDurationPart,
    StepNamePart,
    ids_of_part,
    part_of,
    parts_of,
    select_part,
)
from .users import Person, Session, Throttle, Token, User

__all__ = [
    "BLOCK_SIZE",
    "OPEN_STATUSES",
    "TOTAL_BLOCK",
    "VERSION_COUNTER",
    "Action",
    "Artifact",
    "AuditEvent",
    "Base",
    "BlockCount",
    "Counter",
    "Person",
    "Recovered",
    "Role",
    "Run",
    "RunStatus",
    "Scope",
    "Session",
    "Source",
    "Step",
    "StepCount",
    "StepDurationPart",
    "StepName",
    "StepNamePart",
    "StepStatus",
    "StepType",
    "Throttle",
    "Token",
    "User",
    "block_of",
    "blocks_of",
    "group_of",
    "ids_of",
    "ids_of_part",
    "part_of",
    "parts_of",
    "select_part",
    "table_of",
]
