"""Hold the sentences of the API's document; what they are said of comes from the code."""

from ..filters import MAX_LIMIT, NOT

TITLE = "Stepboard"
INTRODUCTION = f"""The step history of workflow runs.

Send a token with each request, as `Authorization: Bearer TOKEN` or as `x-osm-api-key: TOKEN`; the
page Tokens makes one, and so does `POST /osm/api/login`. A session of the browser reads too, and
changes nothing here.

Times are RFC 3339 in UTC, with `Z`. Texts are never `null`: an empty one is `""`. A list comes in
pages of `limit` rows; one above {MAX_LIMIT} means {MAX_LIMIT}, and `pagination.limit` says so.

A filter that is repeated means any of its values. `{NOT}` before a value means all others, and
`{NOT}{NOT}x` is the value `{NOT}x`. A bad value, an unknown parameter and one that is repeated but
must not be get a 400 that names it and says what is allowed."""

_ALL_BUT = f"; `{NOT}` before it: all others"
# By the name of a parameter, in the query string or in the path.
PARAMETERS = {
    "action": f"What was done{_ALL_BUT}.",
    "actor": "Who did it: a user's name; of a command, the account of the system.",
    "created_after": "Done at this moment or later: an RFC 3339 time or a date, UTC where no zone "
    "is given.",
    "created_before": "Done before this moment: an RFC 3339 time or a date, UTC where no zone is "
    "given.",
    "cursor": "Where the page begins, instead of `offset`, in an order of ids: empty for the first "
    "page, then each page's `pagination.next_cursor`. It holds for these filters and this order.",
    "ended": "Ended in the last hour, the last 24 hours, the last 7 days, or today (in UTC).",
    "ended_after": "Ended at this moment or later: an RFC 3339 time or a date, UTC where no zone "
    "is given.",
    "ended_before": "Ended before this moment: an RFC 3339 time or a date, UTC where no zone is "
    "given.",
    "fields": "The keys that each row is to have, with commas between them: "
    "`fields=id,status`. All of them, unless it is sent; an output that is left out is not read.",
    "limit": f"How many rows a page has; one above {MAX_LIMIT} means {MAX_LIMIT}.",
    "max_duration_ms": "At most this long: milliseconds, or a text such as `4 min 07 s`. What has "
    "not ended has no duration.",
    "min_duration_ms": "At least this long: milliseconds, or a text such as `2 min`. What has not "
    "ended has no duration.",
    "module_name": f"The module that the step belongs to{_ALL_BUT}.",
    "offset": "How many rows to leave out before the page.",
    "recovered": "Whether the step was found in a log, and not in the database of its source.",
    "run_group_id": "The group of runs that were started together.",
    "run_id": "The number of the step's run.",
    "run_key": "The number of the run, or its UUID; of a UUID that several sources have, the run "
    "imported last is meant.",
    "run_uuid": "The UUID of the step's run.",
    "sort": "The order; `-` before it: descending. The id breaks ties.",
    "started": "Began in the last hour, the last 24 hours, the last 7 days, or today (in UTC).",
    "source_id": "The number of the base.",
    "started_after": "Began at this moment or later: an RFC 3339 time or a date, UTC where no zone "
    "is given.",
    "started_before": "Began before this moment: an RFC 3339 time or a date, UTC where no zone is "
    "given.",
    "status": f"How it stands{_ALL_BUT}. `success` means `completed`, of steps.",
    "step_id": "The number of the step.",
    "step_name": "A part of the step's name; upper and lower case are the same.",
    "step_type": f"What kind of work the step does{_ALL_BUT}.",
    "target": f"What the run is about{_ALL_BUT}.",
    "workflow_name": f"The workflow of the run{_ALL_BUT}.",
    "workspace": "The workspace, as it stands.",
}
# By the name of a key of an answer; the others say it by their name.
KEYS = {
    "artifact_path": "Where the file is, on the machine where it was made.",
    "completed_at": "When it ended; `null` while it has not.",
    "completed_steps": "How many steps its source says have completed.",
    "created_at": "When its source noted it first.",
    "duration_ms": "How long it took, in milliseconds; 0 while it has not ended.",
    "error": "What went wrong; empty when nothing did.",
    "exports": "What the step handed on to later ones, by name.",
    "id": "Its number here; ids only grow.",
    "line_count": "How many lines the file has.",
    "output": "What the step printed, whole.",
    "output_bytes": "The size of the output in UTF-8, in bytes.",
    "output_lines": "How many lines the output has.",
    "params": "What the run was given, by name.",
    "position": "Its place in the run, from the first that ended.",
    "recovered": "The log that the step was found in; empty when its source's database has it.",
    "run_id": "The number of its run.",
    "size_bytes": "The size of the file, in bytes.",
    "source_key": "What tells it apart in its source.",
    "started_at": "When it began; `null` while it has not.",
    "step_type": "What kind of work it does: `bash`, `function`, `foreach` and the like.",
    "steps_completed": "How many of its steps stand so here.",
    "steps_failed": "How many of its steps stand so here.",
    "steps_pending": "How many of its steps stand so here.",
    "steps_running": "How many of its steps stand so here.",
    "steps_skipped": "How many of its steps stand so here.",
    "total_steps": "How many steps its source says there are.",
    "updated_at": "When its source noted it last.",
}
# By status: what an error means, for every route that can answer so.
ERRORS = {
    400: "Something in the request is not allowed; the message names it.",
    401: "No valid token was sent.",
    403: "Only an admin may do this.",
    404: "There is no such thing.",
    408: "The body did not come within 10 s.",
    413: "The body is longer than 1 MiB.",
    414: "The query string is longer than 32 KiB.",
    429: "Too many requests came from you.",
    503: "The database is busy, slow or away: try again after as many seconds as `Retry-After` "
    "says, if it is sent.",
}
