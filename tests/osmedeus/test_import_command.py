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
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[2:14] == [
        "steps in the database 109",
        "steps in the execution logs 169",
        "the same in both 109",
        "recovered: completed 40",
        "recovered: failed 20",
        "ambiguous 0",
        "steps in the console logs alone 6",
        "recovered: skipped 5",
        "recovered: running 1",
        "kept out 0",
        "damaged log lines 0",
        "steps imported 175 (175 new, 0 changed, 0 as they were)",
    ]
    again = runner.invoke(args=["import", "osmedeus", str(sample / "base"), "--json"])
    assert '"unchanged": 175' in again.stdout
    assert again.stdout.startswith("{")
