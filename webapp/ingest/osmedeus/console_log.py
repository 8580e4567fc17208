"""Read a run-console.log; pure: lines of text in, what they say of steps out.

What a step printed is indented there; what the engine says of a step begins the line with a sign.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from .times import parse_elapsed

ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_HEADING = re.compile(r"^★ Executing: (?P<name>.+)$")
_STARTED = re.compile(r"^▶ (?:\S+ )?\(starting\) (?P<name>.+)$")
_FINISHED = re.compile(r"^✔ (?:\S+ )?\(finished in (?P<took>[^)]*)\) (?P<name>.+)$")
_FAILED = re.compile(r"^⏹ (?:\S+ )?\(failed\) (?P<text>.+)$")
_SKIPPED = re.compile(r"^[◌○] (?P<name>.+) \(skipped\)$")
_COMMAND = re.compile(r"^  [$ƒ] (?P<command>.*)$")

Kind = Literal["started", "finished", "failed", "skipped"]


@dataclass(slots=True)
class ConsoleEvent:
    """What the engine said of a step; `name` of a failed one is followed by its error."""

    kind: Kind
    name: str
    took: float | None = None
    commands: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Section:
    """What follows the heading of one workflow or module; of the first part there is none."""

    heading: str
    events: list[ConsoleEvent] = field(default_factory=list)


def read_console_log(lines: Iterable[str]) -> list[Section]:
    """Return the sections of a console log, in order."""
    sections = [Section("")]
    last: ConsoleEvent | None = None
    for raw in lines:
        line = ANSI.sub("", raw.rstrip("\r\n")) if len(raw) < 100_000 else ""
        if found := _HEADING.match(line):
            sections.append(Section(found["name"].strip()))
            last = None
        elif event := _read_event(line):
            sections[-1].events.append(event)
            last = event
        # After its end a step prints its output, which may look like commands.
        elif last is not None and last.kind == "started" and (found := _COMMAND.match(line)):
            last.commands.append(found["command"])
    return sections


def _read_event(line: str) -> ConsoleEvent | None:
    if found := _STARTED.match(line):
        return ConsoleEvent("started", found["name"])
    if found := _FINISHED.match(line):
        return ConsoleEvent("finished", found["name"], took=parse_elapsed(found["took"]))
    if found := _FAILED.match(line):
        return ConsoleEvent("failed", found["text"])
    if found := _SKIPPED.match(line):
        return ConsoleEvent("skipped", found["name"])
    return None
