"""Checks of the built pages: left-over TeX, unclean outputs of examples, dead links within the site."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.errors import ExtensionError

CODE = {"pre", "code", "script", "style"}  # their text may have any sign
TEX = re.compile(r"\$|\\[A-Za-z(\[]")
OUTPUT = re.compile(
    r'<div class="sphx-glr-script-out.*?<pre>(.*?)</pre>', flags=re.DOTALL
)
UNCLEAN = re.compile(r"Warning: |Traceback|site-packages| at 0x[0-9a-f]+")


class Page(HTMLParser):
    """The text outside of code, the anchors and the links of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.text, self.anchors, self.links, self._inside = [], set(), [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Note the anchors and links of an element, and whether its text is code."""
        if tag in CODE:
            self._inside.append(tag)
        for name, value in attrs:
            if name in ("id", "name"):
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)

    def handle_endtag(self, tag):
        """Leave an element whose text is code."""
        if tag in CODE:
            self._inside.pop()

    def handle_data(self, data):
        """Keep text that is not code."""
        if not self._inside:
            self.text.append(data)


def left_over_tex(page):
    """Return the lines of text that have a dollar sign or a TeX command."""
    return [
        line.strip() for line in "".join(page.text).splitlines() if TEX.search(line)
    ]


def unclean_outputs(html):
    """Return the lines of the outputs of examples with a warning, a path or an address."""
    return [
        line
        for output in OUTPUT.findall(html)
        for line in output.splitlines()
        if UNCLEAN.search(line)
    ]


def dead_links(pages):
    """Yield each page, a dict of path to page, and each of its links to a file or anchor that does not exist."""
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (
                (path.parent / unquote(parts.path)).resolve() if parts.path else path
            )
            anchors = pages[target].anchors if target in pages else None
            if not target.exists() or (
                parts.fragment and anchors is not None and parts.fragment not in anchors
            ):
                yield path, link


def check(app, exception):
    """Stop the build if a page has one of these faults."""
    if exception is not None or app.builder.format != "html":
        return
    root = Path(app.outdir).resolve()
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in root.rglob("*.html")
        if "_static" not in path.parts
    }
    pages = {path: Page(text) for path, text in texts.items()}
    faults = [
        f"{path}: TeX in the text: {line}"
        for path, page in pages.items()
        for line in left_over_tex(page)
    ]
    faults += [
        f"{path}: unclean output: {line}"
        for path, text in texts.items()
        for line in unclean_outputs(text)
    ]
    faults += [f"{path}: dead link: {link}" for path, link in dead_links(pages)]
    if faults:
        raise ExtensionError("\n".join(sorted(faults)).replace(f"{root}/", ""))


def setup(app):
    """Check after the build."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
