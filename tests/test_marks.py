"""The small marks of lists: what is drawn, and that nothing of a source's becomes markup."""

from types import SimpleNamespace

from markupsafe import Markup

from webapp import marks

HARM = "<b onclick=x>"


def test_no_text_becomes_markup() -> None:
    for drawn in (
        marks.glyph(HARM),
        marks.status_mark(HARM),
        marks.status_mark("failed", HARM),
        marks.run_status_mark(SimpleNamespace(status=HARM), ""),
        marks.run_status_mark(SimpleNamespace(status="running"), "2 h", HARM),
        marks.recovered_mark(HARM),
        marks.step_bar([(HARM, 3), ("failed", 1)]),
    ):
        assert isinstance(drawn, Markup)
        assert "<b" not in drawn


def test_a_text_is_not_taken_for_markup_that_equals_it() -> None:
    assert "<i>" in marks.status_mark("failed", Markup("<i>off</i>"))
    assert "<i>" not in marks.status_mark("failed", "<i>off</i>")


def test_a_status_is_told_by_glyph_word_and_colour() -> None:
    mark = marks.status_mark("failed")
    assert "s-failed" in mark
    assert "#g-failed" in mark
    assert mark.striptags() == "failed"
    assert marks.status_mark("skipped", "owner off").striptags() == "owner off"


def test_a_run_that_is_silent_is_doubted() -> None:
    run = SimpleNamespace(status="running")
    assert marks.run_status_mark(run, "").striptags() == "running"
    assert "s-silent" in marks.run_status_mark(run, "2 h")


def test_only_what_was_recovered_is_marked() -> None:
    assert marks.recovered_mark("") == ""
    assert "recovered from the console log" in marks.recovered_mark("console log")


def test_a_bar_says_in_words_what_it_draws() -> None:
    bar = marks.step_bar([("completed", 3), ("failed", 1)])
    assert 'aria-label="3 ok, 1 failed"' in bar
    assert bar.count("<rect") == 2
    assert marks.step_bar([]).count("<rect") == 0
