"""The examples of the page on other tools: each runs in an interpreter of its own, and prints no warning."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "integrations.md"
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), flags=re.M | re.S))
EXAMPLES = {
    tool: "".join(re.findall(r"^```python\n(.*?)^```$", section, flags=re.M | re.S))
    for tool, section in SECTIONS.items()
}


def is_there(module):
    """Whether a module can be imported. Nothing is: some tools change others when they are."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def modules(code):
    """The modules that code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("tool", [tool for tool, code in EXAMPLES.items() if code])
def test_an_example_runs_without_a_warning(tool, tmp_path):
    code = EXAMPLES[tool]
    missing = [module for module in modules(code) if not is_there(module)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "warning" not in run.stderr.lower(), run.stderr
    assert run.stdout


def test_each_tool_has_an_example():
    assert len(SECTIONS) > 5
    for tool, section in SECTIONS.items():
        assert EXAMPLES[tool] or "](gallery/" in section, tool  # the site's build runs the gallery
