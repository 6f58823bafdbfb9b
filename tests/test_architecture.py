"""The shape of the package: imports go down, folders form no circle, signatures name no estimator."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mlp_estimator"
FILES = sorted(PACKAGE.rglob("*.py"))
# From the bottom up. A room is a folder or, in a folder with several floors, a module; modules of one room may import
# each other in one direction.
HOUSE = [
    "compat", "hints", "engine", "versions", "fitting", "scores", "callbacks", "legacy", "persistence",
    "parameters", "base", "classifier", "regressor", "search", "explanation", "tabular", "display", "onnx",
]  # fmt: skip
ENGINE = [
    "members", "graph", "kernels", "layout", "batches", "activations", "losses", "optimizers", "updates",
    "schedules", "monitor", "layers", "checks", "network", "sweeps", "objective", "runs", "population", "solvers",
]  # fmt: skip
FITTING = [
    "frames", "chunks", "store", "reading", "features", "mixture", "intervals", "targets", "fitted", "data",
    "settings", "state", "held_out", "threads", "jobs", "member_config", "contributions", "importances", "plans",
]  # fmt: skip
FEATURES = ["target_means", "codes", "blocks", "contract", "matrix", "kinds", "table"]
KINDS = ["contract", "number", "category", "date"]
TARGETS = ["class_weight", "contract", "labels", "indicators", "numbers"]
PLANS = ["ensemble", "folds"]
FLOORS = {
    (): HOUSE,
    ("engine",): ENGINE,
    ("fitting",): FITTING,
    ("fitting", "features"): FEATURES,
    ("fitting", "features", "kinds"): KINDS,
    ("fitting", "targets"): TARGETS,
    ("fitting", "plans"): PLANS,
}

TESTS = PACKAGE.parent / "tests"
# Rooms without a file of tests, because their tests need the rooms above.
TESTED_ABOVE = {
    "legacy", "parameters", "engine/graph", "fitting/data",
    "fitting/features/contract", "fitting/targets/contract", "fitting/contributions", "fitting/importances",
}  # fmt: skip
# Rooms whose tests reach them through the estimators only.
REACHED_FROM_ABOVE = {"engine/runs", "engine/solvers/minibatch"}


def name_of(path):
    """The parts of a module's name below the package; a folder's own module has the name of the folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports(path):
    """The parts of each imported module of the package, and the root of each other one."""
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (((), alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (), node.module.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = (*package[: len(package) - node.level + 1], *(node.module or "").split("."))
            yield tuple(part for part in base if part), ""


def room_of(path):
    """The room that a file of tests is named after; a/b/b is the folder a/b."""
    return tuple(dict.fromkeys(path.relative_to(TESTS).with_name(path.stem[5:]).parts))


def test_floors_name_every_room():
    for folder, rooms in FLOORS.items():
        there = {
            path.stem for path in PACKAGE.joinpath(*folder).iterdir() if path.name not in ("__init__.py", "py.typed")
        }
        assert there - {"__pycache__"} == set(rooms)


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(name_of(path)) or "package")
def test_imports_go_down(path):
    here = name_of(path)
    for target, _ in imports(path):
        for folder, rooms in FLOORS.items():
            n = len(folder)
            if here[:n] == folder == target[:n] and len(here) > n and len(target) > n and here[n] != target[n]:
                assert rooms.index(target[n]) < rooms.index(here[n]), f"{'/'.join(here)} imports {'/'.join(target)}"


def test_the_tests_follow_the_house():
    # Below the top, each file of tests has the name of a module or a folder; at the top, also of what concerns all.
    rooms = {"/".join(name_of(path)) for path in FILES} - {""}
    tested = {"/".join(room_of(path)) for path in TESTS.rglob("test_*.py")}
    assert {name for name in tested if "/" in name} <= rooms
    floors = {"/".join((*folder, room)) for folder, floor in FLOORS.items() for room in floor}
    folders = {name.rsplit("/", 1)[0] for name in tested if "/" in name}
    assert floors - tested - folders == TESTED_ABOVE


def defined_in(room):
    """Names of the functions, classes and tables of a module, or of the modules of a folder."""
    folder = PACKAGE.joinpath(*room)
    for path in folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]:
        for node in ast.parse(path.read_text()).body:
            targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
            yield from (getattr(target, "id", "") for target in targets)
            yield getattr(node, "name", "")


def imported_by(path):
    """The parts of each module of the package that a file of tests imports, and the names that it takes from there."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            yield from ((tuple(parts[1:]), "") for parts in names if parts[0] == "mlp_estimator")
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "mlp_estimator":
            yield from ((tuple(node.module.split(".")[1:]), alias.name) for alias in node.names)


def test_the_tests_of_a_room_import_it():
    rooms, reached = {name_of(path) for path in FILES}, set()
    for path in TESTS.rglob("test_*.py"):
        room = room_of(path)
        if room in rooms:
            names = set(defined_in(room))
            n = len(room)
            if not any(
                (*module, name)[:n] == room or (room[: len(module)] == module and name in names)
                for module, name in imported_by(path)
            ):
                reached.add("/".join(room))
    assert reached == REACHED_FROM_ABOVE


def test_there_is_no_circle():
    above = {name_of(path): {target for target, _ in imports(path) if target} for path in FILES}
    done = set()

    def visit(module, way):
        assert module not in way, f"a circle: {[*way, module]}"
        if module not in done:
            for target in above.get(module, ()):
                visit(target, [*way, module])
            done.add(module)

    for module in above:
        visit(module, [])


@pytest.mark.parametrize("path", sorted((PACKAGE / "engine").rglob("*.py")), ids=lambda path: path.stem)
def test_the_engine_knows_numpy_and_scipy_only(path):
    # Numba is an extra: one module imports it, and nothing imports that before the first use of a loop form.
    others = {"numpy", "scipy"} | ({"numba"} if name_of(path) == ("engine", "kernels", "compiler") else set())
    for target, root in imports(path):
        assert (target and target[0] == "engine") or root in others | set(sys.stdlib_module_names), root


def test_signatures_name_no_estimator():
    # The estimators, their callbacks, the pictures of them and the searches over them may; the rooms below may not.
    for path in FILES:
        if name_of(path)[:1] in (("engine",), ("fitting",)):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    names = {a.arg for a in [*node.args.args, *node.args.kwonlyargs]}
                    assert not names & {"estimator", "classifier", "regressor", "model"}, f"{path.name}: {node.name}"


def test_private_scikit_learn_has_one_home():
    users = {
        path.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("sklearn")
        and ("._" in node.module or any(alias.name.startswith("_") for alias in node.names))
    }
    assert users == {"compat.py"}


ESTIMATORS = {"estimator", "model", "network", "classifier", "regressor", "predictor", "search", "best_estimator_"}
"""What estimators are called."""


def stored_attributes(tree):
    """Attributes that a module sets or deletes: the expression in front of the dot, and the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.value, node.lineno
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("setattr", "delattr"):
            yield node.args[0], node.lineno


def test_no_attribute_of_an_estimator_is_set_from_outside():
    for path in FILES:
        if name_of(path)[:1] == ("engine",):
            continue  # it knows no estimator
        for base, line in stored_attributes(ast.parse(path.read_text())):
            name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
            assert name not in ESTIMATORS, f"{path.name}:{line}"


def test_containers_are_told_apart_in_one_module():
    asking = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "hasattr"
        if getattr(node.args[1], "value", "") in ("columns", "dtypes", "iloc", "is_null", "isna", "to_numpy", "collect")
    }
    assert asking == {"fitting/frames.py"}


def test_the_design_lists_the_modules():
    listed = re.search(r"## Modules\n\n```text\n(.*?)```", (PACKAGE.parent / "docs" / "design.md").read_text(), re.S)
    names = sorted(re.findall(r"^ +(\w+\.py) ", listed.group(1), re.M))
    assert names == sorted(path.name for path in FILES if path.name != "__init__.py")


def test_import_needs_nothing_else():
    program = (
        "import sys, sklearn.neural_network; before = set(sys.modules); import mlp_estimator.onnx; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before} - {'mlp_estimator', 'sklearn', 'narwhals'}; "
        "assert not new - set(sys.stdlib_module_names), new"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
