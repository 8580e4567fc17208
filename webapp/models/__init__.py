"""Define the tables and the enums of statuses and types; no queries and no request here."""

from .base import Base, table_of
from .counts import BLOCK_SIZE, TOTAL_BLOCK, BlockCount, Counter, StepCount, StepName
from .enums import OPEN_STATUSES, Recovered, Role, RunStatus, StepStatus, StepType
from .history import Artifact, Run, Source, Step
from .users import Token, User

__all__ = [
    "BLOCK_SIZE",
    "OPEN_STATUSES",
    "TOTAL_BLOCK",
    "Artifact",
    "Base",
    "BlockCount",
    "Counter",
    "Recovered",
    "Role",
    "Run",
    "RunStatus",
    "Source",
    "Step",
    "StepCount",
    "StepName",
    "StepStatus",
    "StepType",
    "Token",
    "User",
    "table_of",
]
