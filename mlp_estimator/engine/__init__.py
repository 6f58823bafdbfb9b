"""The engine: networks, losses and solvers on NumPy and SciPy, with no knowledge of scikit-learn.

Modules build on each other in one direction only (``tests/test_architecture.py`` holds it):
layout, activations, losses, optimizers, schedules, monitor, batches; layers, checks; network; objective; runs; solvers.
The words and letters used throughout are explained once, at the head of ``network.py``.
"""
