"""Read and write the filters of steps; pure."""

from dataclasses import dataclass, replace
from typing import Any, Self

from werkzeug.datastructures import MultiDict

from ..models import StepStatus, StepType
from .lists import ENDED, STARTED, TimedFilters
from .reader import ArgsReader
from .values import part_negated

# Osmedeus's own word for a step that ended well.
STATUS_ALIASES = {"success": "completed"}
SORTS = ("id", "started_at", "duration_ms", "step_name")


@dataclass(frozen=True, slots=True)
class StepFilters(TimedFilters):
    """Which steps a list shows; several values of one field mean any of them."""

    workspace: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    step_type: tuple[str, ...] = ()
    run_id: tuple[int, ...] = ()
    run_uuid: tuple[str, ...] = ()
    step_name: str = ""
    workflow_name: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    module_name: tuple[str, ...] = ()
    recovered: str = ""

    @classmethod
    def from_args(
        cls, args: MultiDict[str, str], default_sort: str = "id", blank_is_absent: bool = False
    ) -> Self:
        """Read the query string; what is wrong stands in `errors` and is left out."""
        return cls.read(ArgsReader(args, blank_is_absent), default_sort)

    @classmethod
    def read(
        cls, reader: ArgsReader, default_sort: str = "id", others: tuple[str, ...] = ()
    ) -> Self:
        """Read what a reader has; it is asked for every parameter there is but some others."""
        reader.refuse_unknown((*cls.names(), *others))
        return cls(
            **cls._read(reader),
            sort=reader.choice("sort", (*SORTS, *(f"-{name}" for name in SORTS)), default_sort),
            offset=reader.integer("offset", 0),
            limit=reader.limit(),
            default_sort=default_sort,
            # Last, as what is read above finds them.
            errors=tuple(reader.errors),
        )

    @classmethod
    def _read(cls, reader: ArgsReader) -> dict[str, Any]:
        return {
            "workspace": reader.texts("workspace"),
            "status": reader.choices("status", StepStatus, STATUS_ALIASES),
            "step_type": reader.choices("step_type", StepType),
            "run_id": reader.integers("run_id"),
            "run_uuid": reader.texts("run_uuid"),
            "step_name": reader.text("step_name"),
            "workflow_name": reader.texts("workflow_name"),
            "target": reader.texts("target"),
            "module_name": reader.texts("module_name"),
            "recovered": reader.choice("recovered", ("yes", "no"), ""),
            **cls.read_timed(reader),
        }

    @property
    def is_documented(self) -> bool:
        """Tell whether only workspace, status and type filter, of which counts are kept."""
        return self.has_only("workspace", "status", "step_type")

    @property
    def only_times(self) -> bool:
        """Tell whether only the status and a range of starts, or one of ends, filter."""
        names = STARTED if self.has_starts else ENDED
        return (self.has_starts or self.has_ends) and self.has_only("status", *names)

    def parts_with_negated(self) -> tuple[Self, Self] | None:
        """Return filters that let all through but the negated, and such that let only these.

        What the first find and the second do not is what these filters find. None where nothing is
        negated whose steps an index has.
        """
        if self.recovered == "no":
            return replace(self, recovered=""), replace(self, recovered="yes")
        for name in ("module_name", "workflow_name", "target"):
            plain, negated = part_negated(getattr(self, name))
            # Most steps have no module, and their index leaves them out.
            has_index = name != "module_name" or "" not in negated
            if negated and not plain and has_index:
                without: dict[str, Any] = {name: ()}
                only: dict[str, Any] = {name: tuple(negated)}
                return replace(self, **without), replace(self, **only)
        return None
