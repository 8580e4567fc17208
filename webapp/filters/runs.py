"""Read and write the filters of runs; pure."""

from dataclasses import dataclass
from typing import Self

from werkzeug.datastructures import MultiDict

from ..models import RunStatus
from .lists import TimedFilters
from .reader import ArgsReader

SORTS = ("id", "created_at", "started_at", "duration_ms", "workflow_name")


@dataclass(frozen=True, slots=True)
class RunFilters(TimedFilters):
    """Which runs a list shows; several values of one field mean any of them."""

    status: tuple[str, ...] = ()
    workflow_name: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    workspace: tuple[str, ...] = ()
    run_group_id: tuple[str, ...] = ()

    @classmethod
    def api_sort(cls) -> str:
        """Return the order that the API has without `sort`: newest first."""
        return "-id"

    @classmethod
    def from_args(
        cls, args: MultiDict[str, str], default_sort: str = "-id", blank_is_absent: bool = False
    ) -> Self:
        """Read the query string; what is wrong stands in `errors` and is left out."""
        return cls.read(ArgsReader(args, blank_is_absent), default_sort)

    @classmethod
    def read(
        cls, reader: ArgsReader, default_sort: str = "-id", others: tuple[str, ...] = ()
    ) -> Self:
        """Read what a reader has; it is asked for every parameter there is but some others."""
        reader.refuse_unknown((*cls.names(), *others))
        return cls(
            status=reader.choices("status", RunStatus),
            workflow_name=reader.texts("workflow_name"),
            target=reader.texts("target"),
            workspace=reader.texts("workspace"),
            run_group_id=reader.texts("run_group_id"),
            **cls.read_timed(reader),
            sort=reader.choice("sort", (*SORTS, *(f"-{one}" for one in SORTS)), default_sort),
            offset=reader.integer("offset", 0),
            limit=reader.limit(),
            default_sort=default_sort,
            # Last, as what is read above finds them.
            errors=tuple(reader.errors),
        )
