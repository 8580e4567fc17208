"""Read a run-workflow.yaml: the steps that a workflow has; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

# A workflow file of the engine's is some KB; a larger one is none.
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow's name and its steps, hooks included: name -> type, in order."""

    name: str
    is_flow: bool
    steps: dict[str, str]


def read_workflow(text: str) -> Workflow | None:
    """Return the workflow that a file describes; None for what is no workflow."""
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        return None
    steps = {
        step["name"]: step["type"] if isinstance(step.get("type"), str) else ""
        for step in _find_steps(document)
        if isinstance(step.get("name"), str)
    }
    return Workflow(document["name"], document.get("kind") == "flow", steps)


def _find_steps(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    hooks = document.get("hooks")
    hooks = hooks if isinstance(hooks, dict) else {}
    modules = document.get("modules")
    modules = modules if isinstance(modules, list) else []
    inline = [module.get("steps") for module in modules if isinstance(module, dict)]
    for steps in (
        hooks.get("pre_scan_steps"),
        document.get("steps"),
        *inline,
        hooks.get("post_scan_steps"),
    ):
        if isinstance(steps, list):
            yield from (step for step in steps if isinstance(step, dict))
