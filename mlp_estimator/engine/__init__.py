"""The engine: networks, losses and solvers on NumPy and SciPy, without scikit-learn.

Rooms build on each other in one direction only (``tests/test_architecture.py``): members, layout, memory, activations,
losses, optimizers, updates, schedules, monitor, batches; layers, checks; network; sweeps; objective; runs; population;
solvers. The head of ``network.py`` explains the letters.
"""
