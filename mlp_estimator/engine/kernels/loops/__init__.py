"""The loop forms: each pass reads and writes its memory once. ``vectorised.py`` says what it computes."""

from .layers import (
    add_bias,
    add_levels,
    dropout_mask,
    level_gradients,
    logistic_error,
    lookup,
    lookup_gradients,
    mish,
    mish_error,
    piecewise,
    places,
    relu,
    relu_error,
    scale_gradients,
    sum_over_batch,
    tanh_error,
)
from .losses import sigmoid_cross_entropy, softmax_cross_entropy, squared_error
from .parameters import adam, move, penalise

__all__ = [
    "adam",
    "add_bias",
    "add_levels",
    "dropout_mask",
    "level_gradients",
    "logistic_error",
    "lookup",
    "lookup_gradients",
    "mish",
    "mish_error",
    "move",
    "penalise",
    "piecewise",
    "places",
    "relu",
    "relu_error",
    "scale_gradients",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "squared_error",
    "sum_over_batch",
    "tanh_error",
]
