"""Formulas as MathML: browsers draw them without a script and without a network."""

from __future__ import annotations

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

CONVERTER = LatexToMathML(fancy_error=False)
logger = logging.getLogger(__name__)


def write(visitor, node, display):
    """Append the MathML of a formula; a formula that cannot be converted is a warning."""
    try:
        mathml = CONVERTER.convert_with_local_state(node.astext(), displaystyle=display)
    except LatexError as error:
        logger.warning("formula %r: %s", node.astext(), error, location=node)
        raise nodes.SkipNode from None
    if display:
        mathml = (
            f'<div class="formula">{mathml}</div>\n'  # scrolls where the page is narrow
        )
    visitor.body.append(mathml)
    raise nodes.SkipNode  # its text is the TeX


def inline(visitor, node):
    """Write a formula in a line of text."""
    write(visitor, node, display=False)


def block(visitor, node):
    """Write a formula on a line of its own."""
    write(visitor, node, display=True)


def setup(app):
    """Register the renderer; ``html_math_renderer`` selects it."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
