"""Draw the pictures of shapes for the derivations: ``python docs/draw_shapes.py`` writes ``docs/shapes/*.svg``.

A matrix is a rectangle whose sides are in proportion to its dimensions: N samples, d inputs, h units, K outputs. Blue
is what the forward pass reads, orange what it writes, red a gradient.
"""

from __future__ import annotations

from pathlib import Path

UNITS = {"N": 78, "d": 52, "h": 66, "K": 34, "1": 14}
FILL = {"in": "#cfe2f3", "out": "#fce5cd", "grad": "#f4cccc"}
PICTURES = {
    "dense": [
        [("Z", "N", "h", "out"), "=", ("X", "N", "d", "in"), ("W", "d", "h", "in"), "+",
         ("1", "N", "1", "in"), ("b'", "1", "h", "in")],
        [("dW", "d", "h", "grad"), "=", ("X'", "d", "N", "in"), ("dZ", "N", "h", "grad")],
        [("db'", "1", "h", "grad"), "=", ("1'", "1", "N", "in"), ("dZ", "N", "h", "grad")],
        [("dX", "N", "d", "grad"), "=", ("dZ", "N", "h", "grad"), ("W'", "h", "d", "in")],
    ],
    "elementwise": [
        [("A", "N", "h", "out"), "= f", ("Z", "N", "h", "in")],
        [("dZ", "N", "h", "grad"), "= f'", ("Z", "N", "h", "in"), "∘", ("dA", "N", "h", "grad")],
    ],
    "softmax": [
        [("P", "N", "K", "out"), "= softmax", ("Z", "N", "K", "in")],
        [("dZ", "N", "K", "grad"), "= 1/N", ("P", "N", "K", "out"), "-", ("T", "N", "K", "in")],
    ],
    "dropout": [
        [("A", "N", "h", "out"), "=", ("M", "N", "h", "in"), "∘", ("Z", "N", "h", "in")],
        [("dZ", "N", "h", "grad"), "=", ("M", "N", "h", "in"), "∘", ("dA", "N", "h", "grad")],
    ],
}  # fmt: skip


def row(parts, top):
    """One equation, its matrices on a common middle line, as SVG; and its height and width."""
    height = max(UNITS[part[1]] for part in parts if isinstance(part, tuple)) + 34
    middle, x, shapes = top + height / 2 - 4, 8, []
    for part in parts:
        if isinstance(part, str):
            wide = 9 * len(part) + 12
            shapes.append(
                f'<text x="{x + wide / 2}" y="{middle + 5}" font-size="16">{part}</text>'
            )
            x += wide
            continue
        name, rows, columns, kind = part
        h, w = UNITS[rows], UNITS[columns]
        shapes.append(
            f'<rect x="{x}" y="{middle - h / 2}" width="{w}" height="{h}" fill="{FILL[kind]}" stroke="#555"/>'
            f'<text x="{x + w / 2}" y="{middle + 5}" font-size="14">{name}</text>'
            f'<text x="{x + w / 2}" y="{middle + h / 2 + 13}" font-size="10" fill="#666">{rows} x {columns}</text>'
        )
        x += max(w, 30) + 8
    return "".join(shapes), height, x


def picture(equations):
    """The equations below each other."""
    top, width, body = 4, 0, []
    for parts in equations:
        shapes, height, right = row(parts, top)
        body.append(shapes)
        top, width = top + height, max(width, right)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}" '
        f'font-family="sans-serif" text-anchor="middle"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(body)}</svg>\n"
    )


def main():
    """Write all pictures."""
    folder = Path(__file__).parent / "shapes"
    folder.mkdir(exist_ok=True)
    for name, equations in PICTURES.items():
        (folder / f"{name}.svg").write_text(picture(equations))


if __name__ == "__main__":
    main()
