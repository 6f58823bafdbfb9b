"""
Out-of-core learning from chunks of a file
==========================================

``partial_fit`` makes one pass over a chunk and stores the state of training: the
moments of Adam, the progress of the learning rate schedule, the random state. The data
stay in a memory-mapped file; each chunk is read when it is used.
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
# A file of float32 numbers: digits drawn at random, with noise.

folder = tempfile.TemporaryDirectory()
rng, n_rows = np.random.default_rng(0), 30_000
rows = rng.integers(0, len(X) - 300, n_rows)
file = np.memmap(Path(folder.name) / "pixels.dat", np.float32, "w+", shape=(n_rows, 64))
file[:] = X[rows] / 16 + 0.1 * rng.normal(size=(n_rows, 64))
file.flush()
pixels = np.memmap(
    Path(folder.name) / "pixels.dat", np.float32, "r", shape=(n_rows, 64)
)

# %%
# Train on one chunk after the other. The first call needs all classes, since a chunk
# may lack some. With a learning rate schedule, ``max_iter`` is the number of chunks.

n_chunks = 30
network = MLPClassifier(
    (100,),
    learning_rate="cosine",
    learning_rate_init=0.01,
    max_iter=n_chunks,
    random_state=0,
)
scores = []
for k, chunk in enumerate(np.array_split(np.arange(n_rows), n_chunks)):
    part = slice(chunk[0], chunk[-1] + 1)
    network.partial_fit(pixels[part], y[rows[part]], classes=np.arange(10))
    scores.append(network.score(X_test, y_test))
    if k == 14:  # training may be interrupted and continued from a pickle
        network = pickle.loads(pickle.dumps(network))
size = n_rows // n_chunks
print(f"{scores[-1]:.3f} right after {n_chunks} chunks of {size} rows")

fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(range(1, n_chunks + 1), scores, marker=".")
ax.axvline(15.5, color="0.7", linestyle=":", label="pickled and continued")
ax.set(xlabel="chunks seen", ylabel="accuracy on the test digits")
ax.legend()
plt.show()

# %%
# Close the memory map before removing its file.

del pixels, file
folder.cleanup()
