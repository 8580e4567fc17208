"""The one line that a list shows of a step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.ingest.preview import PREVIEW_LENGTH, count_lines, preview_line


@pytest.mark.parametrize(
    ("status", "error", "output", "command", "expected"),
    [
        ("completed", "", "\n\n  first \nsecond\n", "run", "first"),
        ("completed", "", "\x1b[32mgreen\x1b[0m line", "run", "green line"),
        ("completed", "", "-----\n=====\nword", "run", "word"),
        ("completed", "", "", "run", ""),
        (
            "completed",
            "",
            "progress 0%\rprogress 50%\rprogress 100%\nfound 3\n",
            "",
            "progress 100%",
        ),
        ("completed", "", "progress 0%\rprogress 99%\r\x1b[K\r\nfound\n", "", "progress 99%"),
        ("completed", "", "".join(f"at {n}\r" for n in range(9_000)) + "\nend", "", "at 8999"),
        ("completed", "", "first\r\nsecond\r\n", "", "first"),
        ("failed", "timed out", "one\nprogress 0%\rprogress 7%", "run", "timed out - progress 7%"),
        ("failed", "timed out", "one\nlast\n---\n", "run", "timed out - last"),
        ("failed", "timed out", "", "run it\nand that", "timed out - $ run it"),
        (
            "failed",
            "command exited with code 7",
            "",
            "/srv/osmedeus/tools.sh fail 'refused: 127.0.0.1:9200' 7",
            "exit 7 - $ tools.sh fail 'refused: 127.0.0.1:9200' 7",
        ),
        ("failed", "", "", "", ""),
    ],
)
def test_the_line_that_says_most(
    status: str, error: str, output: str, command: str, expected: str
) -> None:
    assert preview_line(status, error, output, command) == expected


@given(st.sampled_from(["completed", "failed"]), st.text(), st.text(), st.text())
def test_any_text_gives_one_short_line_without_controls(
    status: str, error: str, output: str, command: str
) -> None:
    line = preview_line(status, error, output, command)
    assert len(line) <= PREVIEW_LENGTH
    assert not any(ord(character) < 32 or character == "\x7f" for character in line)


@pytest.mark.parametrize(("output", "n"), [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)])
def test_lines_are_counted(output: str, n: int) -> None:
    assert count_lines(output) == n
