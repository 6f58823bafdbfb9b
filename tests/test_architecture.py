"""The shape of the package: imports go one way, the engine knows NumPy and SciPy only, files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mlp_estimator"
LEVELS = {
    "layout": 0, "activations": 1, "losses": 1, "optimizers": 1, "schedules": 1, "monitor": 1, "batches": 1,
    "layers": 2, "checks": 2, "network": 3, "objective": 4, "runs": 5, "least_squares": 6, "population": 6,
    "solvers": 7,
}  # fmt: skip
ENGINE = sorted((PACKAGE / "engine").glob("[a-z]*.py"))


def imports(path):
    """(level of relative import, module) of each import in a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


def test_levels_name_every_module():
    assert {path.stem for path in ENGINE} == set(LEVELS)


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: path.stem)
def test_engine_imports_downward(path):
    for level, module in imports(path):
        if level:
            assert level == 1, f"{path.name} reaches out of the engine: {module}"
            assert LEVELS[module] < LEVELS[path.stem], f"{path.name} imports {module}, which is not below it"
        else:
            root = module.split(".")[0]
            assert root in {"numpy", "scipy"} | set(sys.stdlib_module_names), f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_files_are_pages(path):
    code = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(code) <= 420, f"{path.name} has {len(code)} lines: it asks to be split"


def test_private_scikit_learn_has_one_home():
    users = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("sklearn")
        and ("._" in node.module or any(alias.name.startswith("_") for alias in node.names))
    }
    assert users == {"private.py"}


def test_import_needs_nothing_else():
    program = (
        "import sys, sklearn.neural_network; before = set(sys.modules); import mlp_estimator; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before} - {'mlp_estimator', 'sklearn'}; "
        "assert not new - set(sys.stdlib_module_names), new"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
