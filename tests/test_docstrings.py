"""Every public name is documented in numpydoc's form, with an example, and the parameters it really has."""

from __future__ import annotations

import inspect

import pytest
from numpydoc.validate import validate

import mlp_estimator

# Not asked for: extended summaries and "See Also" everywhere (ES01, SA01), one style of capitals and full stops in
# lists (PR06 to PR09, RT02 to RT05), summaries on one line that start below the quotes (SS06, GL01 to GL03), the order
# of sections (GL07).
LEFT_OUT = {
    "ES01", "SA01", "SA04", "EX01", "GL01", "GL02", "GL03", "GL07", "PR06", "PR07", "PR08", "PR09", "RT02", "RT03",
    "RT04", "RT05", "SS06", "YD01",
}  # fmt: skip
PUBLIC = [name for name in mlp_estimator.__all__ if name != "__version__"]


def methods():
    """The public methods that this package defines, of each public class."""
    for name in PUBLIC:
        found = getattr(mlp_estimator, name)
        for method, value in inspect.getmembers(found) if inspect.isclass(found) else ():
            own = (
                inspect.isfunction(value)
                and value.__name__ == method
                and (getattr(value, "__module__", "") or "").startswith("mlp_estimator")
            )
            if own and not method.startswith(("_", "set_")):
                yield f"{name}.{method}"


@pytest.mark.parametrize("name", [*PUBLIC, "onnx.register", *methods()])
def test_docstrings_are_numpydocs(name):
    errors = [(code, text) for code, text in validate(f"mlp_estimator.{name}")["errors"] if code not in LEFT_OUT]
    assert not errors


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example(name):
    assert ">>> " in inspect.getdoc(getattr(mlp_estimator, name))
