"""Say what an import found, from the summary that is kept of it; pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..formats import plural, shell_quote
from ..models import Source

Summary = Mapping[str, Any]
FLASK = ".venv/bin/flask"


class Line(NamedTuple):
    """One line of a summary: what, how many; `level` 1 is a part of the line above."""

    what: str
    how_many: str
    level: int = 0


def summary_lines(summary: Summary | None) -> list[Line]:
    """Return the numbers of an import in an order that adds up; none without a summary."""
    if not summary:
        return []
    runs, steps = _part(summary, "runs"), _part(summary, "steps")
    recovered = _part(steps, "recovered")
    others = {why: n for why, n in _part(steps, "not_placed").items() if n and why != "ambiguous"}
    return [
        Line("Runs", _told(runs)),
        Line("Steps", _told(steps)),
        Line("in the base's database", _count(steps, "in_database"), 1),
        Line("recovered from execution logs, completed", _count(recovered, "completed"), 1),
        Line("recovered from execution logs, failed", _count(recovered, "failed"), 1),
        Line("recovered from console logs, skipped", _count(recovered, "skipped"), 1),
        Line("recovered from console logs, running", _count(recovered, "running"), 1),
        Line("Steps in the execution logs", _count(steps, "in_logs")),
        Line("in the database too", _count(steps, "in_both"), 1),
        Line("ambiguous: of which run cannot be told", _count(steps, "ambiguous"), 1),
        *(Line(why, f"{n:,}", 1) for why, n in others.items()),
        Line("Artifacts", _told(_part(summary, "artifacts"))),
        Line("Log files read", _count(summary, "log_files")),
    ]


def warnings_of(summary: Summary | None) -> list[str]:
    """Return what a reader should know of an import that was not all good."""
    if not summary:
        return []
    steps = _part(summary, "steps")
    kept_out = {why: n for why, n in _part(steps, "kept_out").items() if n}
    warnings = [f"Kept out: {n:,}, {why}." for why, n in kept_out.items()]
    if damaged := summary.get("damaged_lines"):
        warnings.append(f"{plural(damaged, 'line')} of the logs could not be read.")
    return warnings + [str(note) for note in summary.get("notes") or ()]


def import_command(source: Source) -> str:
    """Return the line that imports a source from a path of one's own."""
    name = f" --name {_word(source.name)}"
    return f"{FLASK} import osmedeus /path/to/osmedeus-base{name}"


def _word(text: str) -> str:
    is_plain = text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return text if is_plain and text.isascii() and text[0] != "-" else shell_quote(text)


def _part(summary: Summary, name: str) -> Mapping[str, Any]:
    part = summary.get(name)
    return part if isinstance(part, Mapping) else {}


def _count(part: Summary, name: str) -> str:
    return f"{part.get(name) or 0:,}"


def _told(part: Summary) -> str:
    """Return `175`, and what was new of it: `175, all new`, `175: 3 new, 172 as they were`."""
    words = {"added": "new", "changed": "changed", "unchanged": "as they were"}
    parts = {word: part.get(key) or 0 for key, word in words.items()}
    total = sum(parts.values())
    told = [f"{n:,} {word}" for word, n in parts.items() if n]
    if len(told) > 1:
        return f"{total:,}: {', '.join(told)}"
    return "".join(f"{total:,}, all {word}" for word, n in parts.items() if n) or "0"
