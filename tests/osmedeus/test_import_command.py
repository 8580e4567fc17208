"""`flask import osmedeus`: what it prints and how it exits."""

from pathlib import Path

from flask import Flask


def test_the_command_says_one_line_and_exits_with_1(app: Flask, tmp_path: Path) -> None:
    result = app.test_cli_runner().invoke(args=["import", "osmedeus", str(tmp_path / "no")])
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert result.output.startswith("Error: ")


def test_the_command_gives_its_summary_to_people_and_to_scripts(app: Flask, sample: Path) -> None:
    runner = app.test_cli_runner()
    result = runner.invoke(args=["import", "osmedeus", str(sample / "base")])
    assert result.exit_code == 0, result.output
    assert "recovered from the logs  66" in result.stdout
    again = runner.invoke(args=["import", "osmedeus", str(sample / "base"), "--json"])
    assert '"unchanged": 175' in again.stdout
    assert again.stdout.startswith("{")
