"""Turn rows of runs and artifacts into records for the writer; pure."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ...models import RunStatus
from ..records import ArtifactRecord, RunRecord
from ..step_values import storable_text
from .cells import as_number, as_text
from .database import SourceRun
from .times import EPOCH, parse_time

MISSING = "missing:"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run_record(run: SourceRun, shift: timedelta) -> RunRecord:
    """Return the record of a run, moved in time; an unknown status becomes `unknown`."""
    times = {
        name: moved(parse_time(run.columns.get(name)), shift)
        for name in ("started_at", "completed_at", "created_at", "updated_at")
    }
    created_at = times["created_at"] or times["started_at"] or EPOCH
    status = run.text("status")
    return RunRecord(
        source_key=run.key,
        wanted_id=as_number(run.columns.get("id")) or None,
        run_uuid=run.key,
        status=RunStatus(status) if status in set(RunStatus) else RunStatus.UNKNOWN,
        workflow_name=run.text("workflow_name"),
        workflow_kind=run.text("workflow_kind"),
        target=run.text("target"),
        workspace=run.text("workspace"),
        error=run.text("error_message"),
        trigger_type=run.text("trigger_type"),
        trigger_name=run.text("trigger_name"),
        run_group_id=run.text("run_group_id"),
        run_priority=run.text("run_priority"),
        run_mode=run.text("run_mode"),
        total_steps=as_number(run.columns.get("total_steps")),
        completed_steps=as_number(run.columns.get("completed_steps")),
        started_at=times["started_at"],
        completed_at=times["completed_at"],
        created_at=created_at,
        updated_at=times["updated_at"] or times["completed_at"] or created_at,
        params=run.params or None,
    )


def missing_run_record(hint: str, first_seen: datetime) -> RunRecord:
    """Return the record of a run of which only steps are left; `hint` is its UUID or number."""
    return RunRecord(
        source_key=storable_text(MISSING + hint),
        run_uuid=hint if _UUID.fullmatch(hint) else "",
        status=RunStatus.UNKNOWN,
        error="This run is not in Osmedeus's database any more; only steps of it are.",
        created_at=first_seen,
        updated_at=first_seen,
    )


def artifact_record(row: Mapping[str, Any], run_id: int, shift: timedelta) -> ArtifactRecord:
    """Return the record of an artifact, moved in time with its run."""
    return ArtifactRecord(
        source_key=storable_text(as_text(row.get("id"))),
        run_id=run_id,
        workspace=as_text(row.get("workspace")),
        name=as_text(row.get("name")),
        artifact_path=as_text(row.get("artifact_path")),
        artifact_type=as_text(row.get("artifact_type")),
        content_type=as_text(row.get("content_type")),
        size_bytes=as_number(row.get("size_bytes")),
        line_count=as_number(row.get("line_count")),
        optional=bool(row.get("optional")),
        description=as_text(row.get("description")),
        created_at=moved(parse_time(row.get("created_at")), shift) or EPOCH,
    )


def moved(time: datetime | None, shift: timedelta) -> datetime | None:
    """Return a time moved by so much; None stays None."""
    return time + shift if time is not None and shift else time
