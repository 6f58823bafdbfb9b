"""Losses by name. ``contract.py`` says what a loss offers."""

from __future__ import annotations

from .classification import CLASSIFICATION, SigmoidCrossEntropy, SoftmaxCrossEntropy
from .contract import Loss, WithCurvature, WithResiduals
from .regression import (
    REGRESSION,
    AbsoluteError,
    GammaDeviance,
    GaussianNLL,
    Huber,
    LossName,
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

LOSSES: dict[str, type[Loss]] = REGRESSION | CLASSIFICATION
