"""Time of whole fits compared with scikit-learn, PyTorch, JAX and the bare matrix products.

    python benchmarks/race.py [--threads 1] [--repeats 7] [--cases tiny,digits] [--peers sklearn,torch]
                              [--kernels numpy,numba] [--json FILE]

Each peer runs in a separate process, pinned to ``--threads`` cores and BLAS threads (JAX respects the cores only) and
without OPENBLAS_* overrides, so that every library chooses its kernels for the CPU. In that process this package and
the peer alternate. The table has the median of the ratios of the pairs.

A ratio is the peer's time over ours. For the bare products (forward, weight gradient and input gradient of each layer
with ``out=``) it is our time over theirs. All use the same data, sizes, batches, Adam, L2 penalty and number of epochs;
our time is that of ``fit``. Compared with scikit-learn, X is float64 even if we compute in float32. Compared with
PyTorch (eager, fused Adam) and JAX (jit, an epoch as a scan), all data are float32.

The case ``grid`` is a grid search on iris as a population (``MLPGridSearchCV``) against ``GridSearchCV`` over
scikit-learn's MLP; ``tabular`` is a fit of ``TabularMLPClassifier`` against scikit-learn's gradient boosting, both with
their defaults. They have no other peers. ``--kernels`` names the forms of our kernels, by default both where Numba is
installed; each has a line.

Peers that are not installed are skipped (extra ``bench``; without a GPU, install the CPU builds).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import itertools
import json
import os
import platform
import subprocess
import sys
import time
import warnings

CASES = {  # rows, columns, classes (0: regression), hidden layers, batch, epochs
    "tiny": (150, 4, 3, (100,), 150, 200),
    "digits": (1797, 64, 10, (100,), 200, 40),
    "table": (20000, 20, 2, (100,), 200, 5),
    "medium": (20000, 50, 5, (256, 128), 256, 3),
    "image": (60000, 784, 10, (256, 128), 200, 2),
    "regression": (20000, 20, 0, (100, 100), 200, 3),
}
GRID = {"hidden_layer_sizes": [(25,), (100,)], "alpha": [1e-5, 1e-4, 1e-3], "learning_rate_init": [1e-3, 1e-2]}
ALPHA, RATE = 1e-4, 1e-3


def data(case):
    import numpy as np

    n, d, n_classes = CASES[case][:3]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    score = X @ rng.standard_normal((d, max(n_classes, 1))) / d**0.5
    y = score[:, 0] if n_classes == 0 else score.argmax(axis=1)
    return X, y


def n_outputs(n_classes):
    return 1 if n_classes in (0, 2) else n_classes


# Peers: each function returns a function that makes one whole run.


def fit_with(module, case, dtype=None, x_dtype="float64"):
    _, _, n_classes, hidden, batch, epochs = CASES[case]
    X, y = data(case)
    options = {"dtype": dtype} if dtype else {}
    X = X.astype(x_dtype)
    model = getattr(module, "MLPClassifier" if n_classes else "MLPRegressor")(
        hidden_layer_sizes=hidden, batch_size=batch, max_iter=epochs, n_iter_no_change=epochs + 1, tol=0.0,
        alpha=ALPHA, learning_rate_init=RATE, random_state=0, **options,
    )  # fmt: skip
    return lambda: model.fit(X, y)


def grid_search(Search, Classifier, **options):
    from sklearn.datasets import load_iris
    from sklearn.preprocessing import scale

    X, y = load_iris(return_X_y=True)
    search = Search(Classifier(random_state=0, **options), GRID, n_jobs=1)
    return lambda: search.fit(scale(X), y)


def ours(case, dtype, x_dtype):
    import mlp_estimator as m

    if case == "grid":
        return grid_search(m.MLPGridSearchCV, m.MLPClassifier, dtype=dtype)
    if case == "tabular":
        return lambda: m.TabularMLPClassifier(random_state=0).fit(*table())
    return fit_with(m, case, dtype, x_dtype)


def sklearn(case):
    import sklearn.ensemble
    import sklearn.model_selection
    import sklearn.neural_network as m

    if case == "grid":
        return grid_search(sklearn.model_selection.GridSearchCV, m.MLPClassifier)
    if case == "tabular":
        return lambda: sklearn.ensemble.HistGradientBoostingClassifier(random_state=0).fit(*table())
    return fit_with(m, case)


def table():
    X, y = data("table")
    return X[:1000], y[:1000]


def torch(case):
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    n, d, n_classes, hidden, batch, epochs = CASES[case]
    X, y = data(case)
    X = torch.tensor(X, dtype=torch.float32)
    y = torch.tensor(y, dtype=torch.int64 if n_classes > 2 else torch.float32)
    if n_classes <= 2:
        y = y[:, None]
    losses = {0: torch.nn.MSELoss(), 2: torch.nn.BCEWithLogitsLoss()}
    loss_function = losses.get(n_classes, torch.nn.CrossEntropyLoss())

    def run():
        layers, width = [], d
        for units in hidden:
            layers += [torch.nn.Linear(width, units), torch.nn.ReLU()]
            width = units
        model = torch.nn.Sequential(*layers, torch.nn.Linear(width, n_outputs(n_classes)))
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=ALPHA / batch, fused=True)
        for _ in range(epochs):
            order, total = torch.randperm(n), torch.zeros(())
            for start in range(0, n, batch):
                rows = order[start : start + batch]
                optimizer.zero_grad(set_to_none=True)
                loss = loss_function(model(X[rows]), y[rows])
                loss.backward()
                optimizer.step()
                total += loss.detach()

    return run


def jax(case):
    from functools import partial

    import jax
    import jax.numpy as jnp

    n, d, n_classes, hidden, batch, epochs = CASES[case]
    X, y = data(case)
    X = jnp.asarray(X, jnp.float32)
    y = jnp.asarray(y, jnp.int32 if n_classes > 2 else jnp.float32)
    sizes = [d, *hidden, n_outputs(n_classes)]

    def loss_of(params, x, t):
        for W, b in params[:-1]:
            x = jax.nn.relu(x @ W + b)
        raw = x @ params[-1][0] + params[-1][1]
        if n_classes > 2:
            value = -jnp.take_along_axis(jax.nn.log_softmax(raw), t[:, None], axis=1).mean()
        elif n_classes == 2:
            value = (jnp.logaddexp(0, raw[:, 0]) - t * raw[:, 0]).mean()
        else:
            value = 0.5 * ((raw[:, 0] - t) ** 2).mean()
        return value + 0.5 * ALPHA / len(x) * sum((W**2).sum() for W, _ in params)

    def step(state, rows):
        params, m, v, count = state
        loss, g = jax.value_and_grad(loss_of)(params, X[rows], y[rows])
        count = count + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), params, m, v)
        return (params, m, v, count), loss

    @partial(jax.jit, donate_argnums=0)
    def epoch(state, key):
        order = jax.random.permutation(key, n)
        whole = n // batch * batch
        state, losses = jax.lax.scan(step, state, order[:whole].reshape(-1, batch))
        if whole < n:
            state, _ = step(state, order[whole:])
        return state, losses.sum()

    def run():
        key = jax.random.PRNGKey(0)
        params = [
            (jax.random.uniform(key, (a, b), minval=-0.1, maxval=0.1), jnp.zeros(b))
            for a, b in itertools.pairwise(sizes)
        ]
        zeros = [jax.tree.map(jnp.zeros_like, params) for _ in range(2)]
        state = (params, *zeros, jnp.zeros(()))
        for i in range(epochs):
            state, loss = epoch(state, jax.random.fold_in(key, i))
        loss.block_until_ready()

    return run


def products(sizes, batch, n_batches, dtype="float32", n_members=1):
    """Return a run of the products of a fit: forward, weight gradient and input gradient of each layer."""
    import numpy as np

    rng = np.random.default_rng(0)
    W = [rng.standard_normal((n_members, a, b)).astype(dtype) / a**0.5 for a, b in itertools.pairwise(sizes)]
    a = [rng.standard_normal((n_members, width, batch)).astype(dtype) for width in sizes]
    a[0] = np.ascontiguousarray(a[0].swapaxes(1, 2)).swapaxes(1, 2)  # as rows of X are gathered
    delta, dW = [np.ones_like(x) for x in a], [np.empty_like(w) for w in W]

    def run():
        for _ in range(n_batches):
            for i, w in enumerate(W):
                np.matmul(w.swapaxes(1, 2), a[i], out=a[i + 1])
            for i in reversed(range(len(W))):
                np.matmul(a[i], delta[i + 1].swapaxes(1, 2), out=dW[i])
                if i:
                    np.matmul(W[i], delta[i + 1], out=delta[i])

    return run


def bare(case):
    n, d, n_classes, hidden, batch, epochs = CASES[case]
    return products([d, *hidden, n_outputs(n_classes)], batch, epochs * -(-n // batch))


PEERS = {"sklearn": sklearn, "torch": torch, "jax": jax, "bare": bare}
ONLY_SKLEARN = {"grid": ("float64", "float32"), "tabular": ("float32",)}  # further cases, and our types in them
COLUMNS = {  # heading: (peer, our dtype, whether the ratio is our time over theirs)
    "sklearn, float64": ("sklearn", "float64", False),
    "sklearn, ours float32": ("sklearn", "float32", False),
    "torch, float32": ("torch", "float32", False),
    "jax, float32": ("jax", "float32", False),
    "ours / bare float32": ("bare", "float32", True),
}


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def race(peer, dtype, case, repeats):
    """Return the ratios peer / ours of alternating runs in this process."""
    warnings.simplefilter("ignore")
    runs = [PEERS[peer](case), ours(case, dtype, "float64" if peer == "sklearn" else "float32")]
    for run in runs:
        run()  # compile, allocate memory
    return [seconds(runs[0]) / seconds(runs[1]) for _ in range(repeats)]


def versions():
    import numpy
    import scipy
    import sklearn
    from threadpoolctl import threadpool_info

    found = {"python": platform.python_version(), "numpy": numpy.__version__, "scipy": scipy.__version__}
    found["scikit-learn"] = sklearn.__version__
    for name in ("torch", "jax"):
        if importlib.util.find_spec(name):
            found[name] = importlib.metadata.version(name)
    blas = [f"{i['internal_api']} {i['version']} {i.get('architecture')}" for i in threadpool_info()]
    return found | {"blas": sorted(set(blas)), "machine": processor(), "cores": os.cpu_count()}


def processor():
    """Return the name of the CPU and the widest vectors it has."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        lines = dict(line.split(":", 1) for line in file.read().replace("\t", "").splitlines() if ":" in line)
        widest = next((name for name in ("avx512f", "avx2", "avx") if name in lines.get("flags", "").split()), "")
        return f"{lines.get('model name', '').strip()} {widest}"
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cases", default=",".join([*CASES, *ONLY_SKLEARN]))
    parser.add_argument("--kernels", default="numpy,numba" if importlib.util.find_spec("numba") else "numpy")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--json")
    parser.add_argument("--one", nargs=3, metavar=("PEER", "DTYPE", "CASE"), help="print one comparison as JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(race(*args.one, args.repeats)))
        return
    pinned = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(args.threads))
    pinned["JAX_PLATFORMS"] = "cpu"
    for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:
        del os.environ[name]
    cores = sorted(os.sched_getaffinity(0))[: args.threads]
    peers = [peer for peer in args.peers.split(",") if peer == "bare" or importlib.util.find_spec(peer)]
    columns = {heading: column for heading, column in COLUMNS.items() if column[0] in peers}
    results = {}
    print(", ".join(f"{name} {version}" for name, version in versions().items()))
    print(f"{'median of ' + str(args.repeats):<18}" + "".join(f"{heading:>24}" for heading in columns))
    for case, kernels in itertools.product(args.cases.split(","), args.kernels.split(",")):
        name = f"{case} {kernels}"
        results[name], line = {}, f"{name:<18}"
        for heading, (peer, dtype, inverse) in columns.items():
            if case in ONLY_SKLEARN and (peer != "sklearn" or dtype not in ONLY_SKLEARN[case]):
                line += f"{'':>24}"
                continue
            pinned["MLP_ESTIMATOR_KERNELS"] = kernels
            command = [sys.executable, __file__, "--repeats", str(args.repeats), "--one", peer, dtype, case]
            answer = subprocess.run(
                command, env=os.environ | pinned, preexec_fn=lambda: os.sched_setaffinity(0, cores),
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            ratios = sorted(1 / r if inverse else r for r in json.loads(answer.stdout.splitlines()[-1]))
            results[name][heading] = ratios
            line += f"{ratios[len(ratios) // 2]:>24.2f}"
        print(line, flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(
                {"versions": versions(), "threads": args.threads, "cases": CASES, "ratios": results}, file, indent=1
            )


if __name__ == "__main__":
    main()
