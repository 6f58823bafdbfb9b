"""Draw ``race.png`` and ``race_card.png`` of the race in ``benchmarks/README.md``: ``python docs/draw_race.py``."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
PEERS = {"scikit-learn": 2, "PyTorch": 3, "JAX": 4}  # columns of the table


FORMS = ["NumPy only", "compiled by Numba"]  # of ours: the two numbers of each pair


def draw(ax, rows, form):
    """One group of bars for each case: a peer's time over ours."""
    for k, (peer, column) in enumerate(PEERS.items()):
        ratios = [float(row[column].split(" / ")[form]) for row in rows]
        places = [i + 0.27 * (k - 1) for i in range(len(rows))]
        color = ["#f89939", "#ee4c2c", "#5e97f6"][k]
        ax.barh(places, ratios, height=0.25, label=peer, color=color)
    ax.axvline(1, color="black", linewidth=1.5, label="mlp_estimator")
    ax.set_xlim(0, 5.8)


def main():
    """A panel for each form of ours, and a small picture of the compiled one."""
    text = (ROOT / "benchmarks" / "README.md").read_text()
    section = text[text.index("## The race") : text.index("### Time of a batch")]
    rows = [
        line.strip("| \n").split(" | ")
        for line in section.splitlines()
        if re.match(r"\| \w+: ", line)
    ]
    fig, axes = plt.subplots(1, 2, figsize=(9.5, 4), sharey=True, layout="constrained")
    for form, ax in enumerate(axes):
        draw(ax, rows, form)
        ax.set_title(f"mlp_estimator, {FORMS[form]}", fontsize=10)
    labels = [row[0].replace(": ", "\n", 1) for row in rows]
    axes[0].set_yticks(range(len(rows)), labels, fontsize=8)
    axes[0].invert_yaxis()
    what = "time of a whole fit / that of mlp_estimator in float32, one core"
    fig.supxlabel(what, fontsize=10)
    handles = axes[0].get_legend_handles_labels()
    fig.legend(*handles, loc="outside upper center", ncols=4, frameon=False)
    fig.savefig(ROOT / "docs" / "race.png", dpi=110)
    fig, ax = plt.subplots(figsize=(4.8, 3.4), layout="constrained")
    draw(ax, rows, form=1)
    ax.set_yticks(range(len(rows)), [row[0].split(":")[0] for row in rows])
    ax.invert_yaxis()
    ax.set_xlabel("time of a fit / that of mlp_estimator, compiled")
    ax.legend(*handles, fontsize=8)
    fig.savefig(ROOT / "docs" / "race_card.png", dpi=110)


if __name__ == "__main__":
    main()
