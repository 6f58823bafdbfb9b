"""The engine: networks, losses and solvers on NumPy and SciPy, without scikit-learn.

Rooms build on each other in one direction only, which ``tests/test_architecture.py`` checks. The head of
``network.py`` explains the letters.
"""
