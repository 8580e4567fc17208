"""`flask doctor`: look whether all is well, and say what to do where it is not."""

import sys
from collections.abc import Iterable

import click
import orjson

from ..checks import Finding, State, find_findings
from . import bp

WIDTH = 18


@bp.cli.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def show_findings(as_json: bool) -> None:
    """Check settings, database, disk and sources; end with 1 if anything needs doing."""
    is_well = _print_json(list(find_findings())) if as_json else _print_lines(find_findings())
    sys.exit(0 if is_well else 1)


def _print_lines(findings: Iterable[Finding]) -> bool:
    is_well = True
    for one in findings:
        is_well = is_well and one.state != State.TO_DO
        click.echo(f"{one.state:<8} {one.subject:<{WIDTH}} {one.message}")
    return is_well


def _print_json(findings: list[Finding]) -> bool:
    is_well = all(one.state != State.TO_DO for one in findings)
    told = {"ok": is_well, "checks": [one.to_dict() for one in findings]}
    click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    return is_well
