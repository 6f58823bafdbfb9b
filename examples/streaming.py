"""
More data than memory: chunks of a file
=======================================

``partial_fit`` goes once through a chunk and remembers where it stood: the moments of Adam, the place in the plan of
the learning rate, the order of samples. The data stay in a file that is mapped into memory; a chunk is read when it
is its turn.
"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from mlp_estimator import MLPClassifier

X, y = load_digits(return_X_y=True)
X_test, y_test = X[-300:] / 16, y[-300:]

# %%
# A file of float32 numbers, here the digits again and again with noise: what a day's log might be.

folder = tempfile.TemporaryDirectory()
rng, n_rows = np.random.default_rng(0), 30_000
rows = rng.integers(0, len(X) - 300, n_rows)
file = np.memmap(Path(folder.name) / "pixels.dat", np.float32, "w+", shape=(n_rows, 64))
file[:] = X[rows] / 16 + 0.1 * rng.normal(size=(n_rows, 64))
file.flush()
pixels = np.memmap(Path(folder.name) / "pixels.dat", np.float32, "r", shape=(n_rows, 64))

# %%
# Chunk by chunk. The classes are named in the first call, since a chunk may lack some. With a plan for the learning
# rate ``max_iter`` is the number of chunks to come.

n_chunks = 30
network = MLPClassifier((50,), learning_rate="cosine", learning_rate_init=0.003, max_iter=n_chunks, random_state=0)
scores = []
for k, chunk in enumerate(np.array_split(np.arange(n_rows), n_chunks)):
    part = slice(chunk[0], chunk[-1] + 1)
    network.partial_fit(pixels[part], y[rows[part]], classes=np.arange(10))
    scores.append(network.score(X_test, y_test))
    if k == 14:  # the evening: training goes on tomorrow, from a file
        network = pickle.loads(pickle.dumps(network))
print(f"{scores[-1]:.3f} of the test digits right after {n_chunks} chunks of {n_rows // n_chunks} rows")

fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(range(1, n_chunks + 1), scores, marker=".")
ax.axvline(15.5, color="0.7", linestyle=":", label="pickled, loaded, gone on")
ax.set(xlabel="chunks seen", ylabel="accuracy on the test digits")
ax.legend()
plt.show()

# %%
# The map is closed before its file is removed.

del pixels, file
folder.cleanup()
