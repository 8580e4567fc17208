"""Say what an import found and did, so that the numbers add up."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..records import Tally


@dataclass(slots=True)
class ImportSummary:
    """What one import found in a base, and what it changed here.

    `rows` = `rows_in_logs_too` + rows only in the database; `log_steps` = `rows_in_logs_too` +
    recovered completed and failed + what was not placed. `steps` = `rows` - kept out + recovered.
    """

    source: str
    database: str
    workspaces: str
    runs_in_database: int = 0
    rows: int = 0
    log_files: int = 0
    log_steps: int = 0
    rows_in_logs_too: int = 0
    damaged_lines: int = 0
    recovered: Counter[str] = field(default_factory=Counter)
    not_placed: Counter[str] = field(default_factory=Counter)
    kept_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    runs: Tally = field(default_factory=Tally)
    steps: Tally = field(default_factory=Tally)
    artifacts: Tally = field(default_factory=Tally)

    @property
    def total_steps(self) -> int:
        """How many steps the source has, told once each."""
        return self.steps.added + self.steps.changed + self.steps.unchanged

    def to_dict(self) -> dict[str, Any]:
        """Return the summary for scripts."""
        return {
            "source": self.source,
            "database": self.database,
            "workspaces": self.workspaces,
            "runs": {"in_database": self.runs_in_database, **_tally(self.runs)},
            "steps": {
                "in_database": self.rows,
                "in_logs": self.log_steps,
                "in_both": self.rows_in_logs_too,
                "recovered": {
                    kind: self.recovered[kind]
                    for kind in ("completed", "failed", "skipped", "running")
                },
                "ambiguous": self.not_placed["ambiguous"],
                "not_placed": dict(self.not_placed),
                "kept_out": dict(self.kept_out),
                "imported": self.total_steps,
                **_tally(self.steps),
            },
            "artifacts": _tally(self.artifacts),
            "log_files": self.log_files,
            "damaged_lines": self.damaged_lines,
            "notes": self.notes,
        }

    def to_lines(self) -> list[tuple[str, str]]:
        """Return (what, how many) for a person, in an order that adds up."""
        from_console = self.recovered["skipped"] + self.recovered["running"]
        others = Counter(self.not_placed)
        ambiguous = others.pop("ambiguous", 0)
        lines = [
            ("runs", f"{self.runs_in_database:,} ({_told(self.runs)})"),
            ("steps in the database", f"{self.rows:,}"),
            ("steps in the execution logs", f"{self.log_steps:,}"),
            ("  the same in both", f"{self.rows_in_logs_too:,}"),
            ("  recovered: completed", f"{self.recovered['completed']:,}"),
            ("  recovered: failed", f"{self.recovered['failed']:,}"),
            ("  ambiguous", f"{ambiguous:,}"),
            *((f"  {why}", f"{n:,}") for why, n in others.items() if n),
            ("steps in the console logs alone", f"{from_console:,}"),
            ("  recovered: skipped", f"{self.recovered['skipped']:,}"),
            ("  recovered: running", f"{self.recovered['running']:,}"),
            ("kept out", f"{sum(self.kept_out.values()):,}"),
            *((f"  {why}", f"{n:,}") for why, n in self.kept_out.items() if n),
            ("damaged log lines", f"{self.damaged_lines:,}"),
            ("steps imported", f"{self.total_steps:,} ({_told(self.steps)})"),
            ("artifacts", _told(self.artifacts)),
        ]
        return lines + [("note", note) for note in self.notes]


def _tally(tally: Tally) -> dict[str, int]:
    return {"added": tally.added, "changed": tally.changed, "unchanged": tally.unchanged}


def _told(tally: Tally) -> str:
    return f"{tally.added:,} new, {tally.changed:,} changed, {tally.unchanged:,} as they were"
