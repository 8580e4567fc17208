"""Reading run-console.log."""

from hypothesis import given
from hypothesis import strategies as st

from webapp.ingest.osmedeus.console_log import read_console_log

TEXT = """
★ Executing: recon-domain
  Total Steps: 8
  Tip: osmedeus workflow view recon-domain

◆ Reserving target space folder at: example.com
▶ $ (starting) prepare workspace
  $ mkdir -p probe
  $ date
✔ $ (finished in 5ms) prepare workspace
  [output]
  ○ not-a-step (skipped)
  ▶ $ (starting) not-a-step
\x1b[33m◌ deep-enumeration (skipped)\x1b[0m
▶ ∀ (starting) scan-each-host
✔ ∀ (finished in 1m2.5s) scan-each-host
▶ $ (starting) send-results
⏹ $ (failed) send-results: command exited with code 7
▶ ƒ (starting) count
"""


def test_events_and_commands_are_read_and_output_is_not() -> None:
    first, section = read_console_log(TEXT.splitlines(True))
    assert (first.heading, first.events, section.heading) == ("", [], "recon-domain")
    assert [(event.kind, event.name) for event in section.events] == [
        ("started", "prepare workspace"),
        ("finished", "prepare workspace"),
        ("skipped", "deep-enumeration"),
        ("started", "scan-each-host"),
        ("finished", "scan-each-host"),
        ("started", "send-results"),
        ("failed", "send-results: command exited with code 7"),
        ("started", "count"),
    ]
    assert section.events[0].commands == ["mkdir -p probe", "date"]
    assert section.events[1].took == 0.005
    assert section.events[4].took == 62.5


def test_windows_line_ends_are_read() -> None:
    (section,) = read_console_log(["◌ x (skipped)\r\n"])
    assert section.events[0].name == "x"


@given(st.lists(st.text(alphabet="★▶✔⏹◌$ƒ() \x1b[mastingkpedhr:\r", max_size=40)))
def test_any_text_is_read_without_an_error(lines: list[str]) -> None:
    read_console_log(lines)
