"""Losses by name. ``contract.py`` says what a loss offers."""

from __future__ import annotations

from typing import Literal

from .classification import SigmoidCrossEntropy, SoftmaxCrossEntropy
from .contract import Loss, WithCurvature, WithResiduals
from .regression import (
    AbsoluteError,
    GammaDeviance,
    GaussianNLL,
    Huber,
    PoissonDeviance,
    Quantile,
    SquaredError,
)

__all__ = [
    "CLASSIFICATION",
    "LOSSES",
    "REGRESSION",
    "AbsoluteError",
    "GammaDeviance",
    "GaussianNLL",
    "Huber",
    "Loss",
    "LossName",
    "PoissonDeviance",
    "Quantile",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "WithCurvature",
    "WithResiduals",
]

LossName = Literal["squared_error", "absolute_error", "huber", "quantile", "gaussian_nll", "poisson", "gamma"]

REGRESSION: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "gaussian_nll": GaussianNLL,
    "poisson": PoissonDeviance,
    "gamma": GammaDeviance,
}
CLASSIFICATION: dict[str, type[Loss]] = {
    "sigmoid_cross_entropy": SigmoidCrossEntropy,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
}
LOSSES = REGRESSION | CLASSIFICATION
