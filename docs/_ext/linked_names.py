"""Public names in code style, such as `MLPClassifier` or `MLPClassifier.fit`, link to their page of the reference.

Pages that docstrings name, such as `docs/tabular.md`, are links, too.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes

import mlp_estimator

NAMES = {
    name for name in mlp_estimator.__all__ if callable(getattr(mlp_estimator, name))
}

PAGE = re.compile(r"docs/(\w+)\.md")


def target_of(text: str) -> str | None:
    """Return the full name that a piece of code begins with, None if it is no public one."""
    path = text.split("(")[0].removeprefix("mlp_estimator.")
    if path in ("onnx.to_onnx", "onnx.register"):
        return f"mlp_estimator.{path}"
    name, *attributes = path.split(".")
    if name not in NAMES or len(attributes) > 1:
        return None
    known = all(hasattr(getattr(mlp_estimator, name), part) for part in attributes)
    return f"mlp_estimator.{path}" if known else None


def link_names(app, doctree):
    """Replace names by references, where they are in none."""
    for literal in list(doctree.findall(nodes.literal)):
        name, page = target_of(literal.astext()), PAGE.fullmatch(literal.astext())
        inside = (nodes.reference, addnodes.pending_xref, nodes.title)
        if (name is None and page is None) or isinstance(literal.parent, inside):
            continue
        where = {"refdomain": "py", "reftype": "obj", "reftarget": name}
        if page is not None:
            where = {"refdomain": "std", "reftype": "doc", "reftarget": f"/{page[1]}"}
        link = addnodes.pending_xref(
            "",
            literal.deepcopy(),
            **where,
            refexplicit=True,
            refdoc=app.env.docname,
            refwarn=page is not None,
        )
        literal.replace_self(link)


def setup(app):
    """Connect the event."""
    app.connect("doctree-read", link_names)
    return {"version": "1", "parallel_read_safe": True}
