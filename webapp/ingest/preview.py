"""Cut what a step printed down to the one line that a list shows; pure."""

import re
from collections.abc import Iterable, Iterator

PREVIEW_LENGTH = 200
# A line is looked for only this far from the start or the end of an output, in characters.
SEARCHED_LENGTH = 16_384

# CSI sequences, OSC strings, other two-character escapes, then every other control character.
_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[@-Z\\-_]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    # Marks that turn the direction of the text around them.
    r"|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_WORD = re.compile(r"\w")
_EXIT_CODE = re.compile(r"^command exited with code (?=\d)")
_FOLDER_OF_PROGRAM = re.compile(r"^/\S*/(?=\S)")


def preview_line(status: str, error: str, output: str, command: str = "") -> str:
    """Return the line that says most of a step.

    Of a failed step that is its error and the last line of its output, or its command where no
    output was kept; of any other the first line of its output.
    """
    if status != "failed" and not error:
        return _cut(_first_line(output))
    # The engine says the same of every command; what differs has to stand in a narrow column.
    reason = _EXIT_CODE.sub("exit ", _first_line(error))
    last = _last_line(output)
    ran = _FOLDER_OF_PROGRAM.sub("", _first_line(command))
    parts = (reason, last or (ran and f"$ {ran}"))
    return _cut(" - ".join(part for part in parts if part))


def count_lines(output: str) -> int:
    """Count lines; a last one without a newline counts too."""
    return output.count("\n") + (not output.endswith("\n") if output else 0)


def _first_line(text: str) -> str:
    first = text[:SEARCHED_LENGTH].partition("\n")[0].strip()
    if first.isprintable() and _WORD.search(first):
        # Of most outputs the first line says something, without colours.
        return first
    return next(_telling_lines(_lines(text[_end_of_progress(text) :][:SEARCHED_LENGTH])), "")


def _last_line(text: str) -> str:
    return next(_telling_lines(reversed(_lines(text[-SEARCHED_LENGTH:]))), "")


def _lines(text: str) -> list[str]:
    """Return the lines as a terminal shows them in the end: a carriage return begins one anew."""
    if "\r" in text:
        text = "\n".join(map(_last_state, text.split("\n")))
    return text.splitlines()


def _last_state(line: str) -> str:
    states = reversed(line.split("\r"))
    return next((state for state in states if _ESCAPE.sub("", state).strip()), "")


def _end_of_progress(text: str) -> int:
    """Return where to look for the first line: of a very long one that is rewritten, at its end."""
    if "\n" in text[:SEARCHED_LENGTH] or "\r" not in text[:SEARCHED_LENGTH]:
        return 0
    end = text.find("\n")
    return max((end if end >= 0 else len(text)) - SEARCHED_LENGTH, 0)


def _telling_lines(lines: Iterable[str]) -> Iterator[str]:
    plain = (_ESCAPE.sub("", line).replace("\t", " ").strip() for line in lines)
    return (line for line in plain if _WORD.search(line))


def _cut(line: str) -> str:
    return line if len(line) <= PREVIEW_LENGTH else line[: PREVIEW_LENGTH - 1] + "…"
