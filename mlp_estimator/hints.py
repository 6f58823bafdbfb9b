"""Names of other libraries: what to use in their place."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_EPOCHS = "max_iter limits the epochs"
_NETWORKS = "n_folds, settings and preset of the tabular estimators, or n_members of the others, say how many networks"
_STOPPING = "a tabular fit ends by itself; the other estimators have early_stopping and n_iter_no_change"
_VALIDATION = "give X_val and y_val to fit"
OTHER_NAMES = {
    **dict.fromkeys(("n_estimators", "num_trees", "n_models"), _NETWORKS),
    **dict.fromkeys(("iterations", "num_boost_round", "num_iterations", "epochs", "n_epochs", "max_epochs"), _EPOCHS),
    **dict.fromkeys(("early_stopping_rounds", "patience", "early_stopping", "n_iter_no_change"), _STOPPING),
    **dict.fromkeys(("eval_set", "valid_sets", "eval_data", "validation_data", "validation_fraction"), _VALIDATION),
    **dict.fromkeys(("cat_features", "categorical_feature", "cat_idxs", "cat_cols"), "use categorical_features"),
    **dict.fromkeys(("learning_rate", "eta", "lr"), "use learning_rate_init"),
    **dict.fromkeys(("thread_count", "nthread", "num_threads", "n_threads"), "use n_jobs"),
    **dict.fromkeys(("random_seed", "seed"), "use random_state"),
    **dict.fromkeys(("class_weights", "scale_pos_weight", "is_unbalance"), "use class_weight"),
    **dict.fromkeys(("loss_function", "objective", "criterion"), "use loss"),
    **dict.fromkeys(("eval_metric", "metric"), "use scoring"),
    **dict.fromkeys(("silent", "verbosity", "logging_level"), "use verbose"),
    **dict.fromkeys(("l2_leaf_reg", "reg_lambda", "lambda_l2", "l2"), "use weight_decay, or alpha of the networks"),
    **dict.fromkeys(("hidden_sizes", "layers", "hidden_layers"), "use hidden_layer_sizes"),
    **dict.fromkeys(("weight", "weights", "weight_column"), "give sample_weight to fit"),
    **dict.fromkeys(("group_id", "group"), "give groups to fit"),
    "device": "the computation is on the CPU",
    **dict.fromkeys(("confidence", "confidence_level", "level"), "use coverage, such as 0.9"),
    "alpha": "of quantiles it is quantile, of intervals coverage (1 - alpha), of a penalty weight_decay",
}
"""For names of LightGBM, XGBoost, CatBoost, Keras, PyTorch and scikit-learn's MLP the nearest thing here."""


def refuse_unknown(owner: str, given: Iterable[str], known: Collection[str], constructor: type | None = None) -> None:
    """Raise an error for a name that is not known: with a hint where it is one of other libraries, or nearly known.

    ``constructor`` is the class of which names may be parameters instead.
    """
    created = [] if constructor is None else [*inspect.signature(constructor).parameters]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = OTHER_NAMES.get(name, f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}")
            if constructor is not None and name in created:
                hint = f"it is a parameter of {constructor.__name__}(...)"
            elif constructor is not None and any(word in created for word in hint.split()):
                hint += f", a parameter of {constructor.__name__}(...)"
            raise TypeError(f"{owner} got an unexpected keyword argument {name!r}: {hint}")


def with_hints(method: Callable[P, R]) -> Callable[P, R]:
    """Return a method of an estimator, or its constructor, that refuses unknown arguments with a hint."""
    signature = inspect.signature(method)
    known = dict.fromkeys([*signature.parameters][1:])

    @wraps(method)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        cls = type(args[0]) if args else None
        if cls is None or not hasattr(cls, method.__name__):
            raise TypeError(
                f"{method.__qualname__} was called on a class: call it on an estimator, such as cls().fit(X, y)."
            )
        creates = method.__name__ == "__init__"
        name = cls.__name__ if creates else f"{cls.__name__}.{method.__name__}()"
        refuse_unknown(name, kwargs, known, None if creates else cls)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:  # Python would name the class that defines the method
            raise TypeError(f"{name}: {error}; it takes {', '.join(known)}") from None
        return method(*args, **kwargs)

    return called


def hinting(cls: type[T]) -> type[T]:
    """Decorate an estimator whose constructor refuses unknown parameters with a hint."""
    cast(Any, cls).__init__ = with_hints(vars(cls)["__init__"])
    return cls
