"""A fit is a list of jobs: settings and data in, fitted states out. No estimator appears in a signature here.

``settings`` resolves parameters, ``data`` holds what was read, ``jobs`` trains, ``state`` maps results to fitted
attributes and back, ``fitted`` predicts.
"""
