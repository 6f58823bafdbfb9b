"""The classifier: labels in, labels and probabilities out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar, Literal, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .base import MultilayerPerceptron
from .compat import Interval, StrOptions, fit_method
from .engine.losses import CLASSIFICATION
from .engine.members import Array
from .engine.solvers import SOLVERS
from .fitting.features import MatrixLike
from .fitting.fitted import identity_link
from .fitting.reading import read_labels
from .fitting.settings import Settings
from .fitting.targets import Labels, Targets, learn_classes
from .fitting.targets.labels import log_odds
from .fitting.targets.numbers import squeeze_outputs
from .hints import hinting, with_hints
from .parameters import incremental
from .scores import ScoredClassifier


@hinting
@dataclass(eq=False, repr=False, match_args=False, kw_only=True)
class MLPClassifier(ScoredClassifier, MultilayerPerceptron):
    """Multilayer perceptron classifier, trained on the cross-entropy of its class probabilities.

    Two classes and multilabel targets have logistic outputs, more classes a softmax [1]_, [2]_. Parameters, defaults
    and numbers are those of :class:`sklearn.neural_network.MLPClassifier`.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units of each hidden layer. An int means one layer, ``()`` a linear model.

    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', 'mish', \
            'softplus'}, Activation, or sequence of these, default='relu'
        Activation of the hidden layers; a sequence has one entry per layer. The initial weights are scaled to suit it.
        An :class:`~mlp_estimator.Activation` defines your own.

    solver : {'adam', 'sgd', 'lbfgs', 'cg', 'newton-cg'}, default='adam'
        'adam' and 'sgd' take one step per minibatch [3]_. The others use all data at once, in float64, and are often
        best for fewer than a few thousand samples: 'lbfgs', 'cg' and 'newton-cg' are the methods of
        :func:`scipy.optimize.minimize` of these names, and 'newton-cg' uses products of the curvature
        (Gauss-Newton) matrix. They choose their own step sizes and work best with smooth activations.

    alpha : float, default=0.0001
        Strength of the L2 penalty alpha / 2 ||W||^2 on the weights, without the intercepts. It is added to the
        minibatch's loss sum; the total is divided by the batch size, or by the sum of the sample weights.

    batch_size : int or 'auto', default='auto'
        Number of samples per minibatch for 'sgd' and 'adam'; 'auto' is min(200, n_samples).

    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine', 'one_cycle'} or callable, default='constant'
        Learning rate schedule. For 'sgd': 'constant'; 'invscaling', ``learning_rate_init / (t_ + 1) ** power_t`` after
        each epoch; 'adaptive', constant until patience (see `n_iter_no_change`) runs out, then divided by 5, and so on
        down to 1e-6. For 'sgd' and 'adam', over `max_iter` epochs: 'cosine' falls to 0 along half a cosine wave;
        'one_cycle' rises from 1/25 to 1 in the first 30 % of the epochs and then falls to 4e-6; a callable maps the
        fraction of completed epochs, in [0, 1], to a factor on `learning_rate_init`. A schedule that runs to its end
        raises no ConvergenceWarning. Early stopping and patience may end training sooner. With `partial_fit` each call
        is one epoch, and a schedule that has ended keeps its last factor.

    learning_rate_init : float, default=0.001
        Initial learning rate of 'sgd' and 'adam'.

    power_t : float, default=0.5
        Exponent of 'invscaling'.

    max_iter : int, default=200
        Maximum number of epochs ('sgd', 'adam') or iterations (other solvers).

    shuffle : bool, default=True
        Whether to shuffle the samples before each epoch.

    random_state : int, RandomState instance or None, default=None
        Seed or generator of the initial weights, the early-stopping split and the order of samples. An int makes the
        fit reproducible, and equal to that of scikit-learn.

    tol : float, default=1e-4
        Minimum improvement of the loss, or of the validation score, that resets patience. For solvers on all data, the
        largest component of the gradient at which they stop ('lbfgs' may stop earlier, when the loss no longer falls).

    verbose : bool or int, default=False
        Whether to print the loss of each epoch or iteration.

    warm_start : bool, default=False
        Whether `fit` starts from the fitted weights instead of new ones.

    momentum : float, default=0.9
        Momentum of 'sgd', in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when the accuracy on them no longer improves, and to keep
        the weights with the best score. The split is stratified unless a class is too rare for that. See also
        `scoring`, and `X_val` of `fit`.

    validation_fraction : float, default=0.1
        Fraction of the samples to set aside, in [0, 1).

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the two moments of 'adam', in [0, 1).

    epsilon : float, default=1e-8
        Added to the denominator of 'adam'.

    n_iter_no_change : int or inf, default=10
        Patience: training stops after more than this many consecutive epochs without an improvement of `tol`.

    max_fun : int, default=15000
        Maximum number of evaluations of the objective by solvers on all data.

    dtype : {'float32', 'float64'} or None, default=None
        Type of the computation, the weights and the predictions. None uses the type of `X` if it is one of these, and
        float64 otherwise. float32 takes half the memory and less time. Solvers on all data compute in float64.

    dropout : float or sequence of float, default=0.0
        Probability with which each unit of a hidden layer is dropped in a training step, in [0, 1); a sequence has one
        entry per layer. The other units are scaled up, and prediction uses all units. For 'sgd' and 'adam'.

    weight_decay : float, default=0.0
        Decoupled weight decay: each step of 'sgd' or 'adam' also subtracts learning rate * weight_decay * W from the
        weights, whatever the batch size. With 'adam' this is AdamW.

    max_grad_norm : float or None, default=None
        Maximum norm of the gradient for 'sgd' and 'adam'; longer gradients are scaled down to it.

    scoring : 'loss', str, callable or None, default=None
        The score that early stopping watches. None is the accuracy, weighted by `class_weight` too; 'loss' is the
        negative loss without penalty; otherwise a scorer of scikit-learn. Sample weights are passed to scorers that
        accept them.

    max_time : float or None, default=None
        Maximum time of training in seconds. It ends after the epoch or iteration in progress, with the weights reached
        by then. Members of an ensemble that train one after the other share the time.

    n_members : int, default=1
        Number of networks in an ensemble, whose probabilities are averaged. Each member equals the fit with its seed in
        `member_seeds_`. With 'sgd' and 'adam' the members train side by side. Attributes marked below then hold one
        entry per member.

    class_weight : 'balanced', dict, list of dict or None, default=None
        Weights of the classes in the loss, multiplied by the sample weights. A dict maps labels to weights, 1 for
        missing labels; 'balanced' weights a class by n_samples / (n_classes * its weighted count). For multilabel
        targets, a list of one dict per label.

    label_smoothing : float, default=0.0
        Fraction of each target that is spread evenly over the classes, in [0, 1). Not for multilabel targets.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; for multilabel targets the column numbers.

    coefs_ : list of ndarray of shape (n_in, n_out) or (n_members, n_in, n_out)
        Weights of each layer, from the inputs to the outputs.

    intercepts_ : list of ndarray of shape (n_out,) or (n_members, n_out)
        Intercepts of each layer.

    member_seeds_ : ndarray of shape (n_members,)
        Seeds of the members of an ensemble; fitting a single network with one of them as `random_state` reproduces that
        member.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all names of `X` are strings.

    n_iter_ : int
        Number of epochs or iterations of the last call; for an ensemble the maximum over its members.

    n_layers_ : int
        Number of layers, inputs and outputs included.

    n_outputs_ : int
        Number of outputs of the network.

    out_activation_ : str
        Name of the function from raw outputs to predictions: 'softmax' or 'logistic'.

    loss_ : float, or list of float
        Loss of the last epoch, one per member: the mean over its minibatches at the weights of that time, penalty
        included.

    loss_curve_ : list of float, or list of such lists
        Loss of each epoch or iteration; one list per member.

    best_loss_ : float, list of float, or None
        Minimum loss of an epoch, one per member; None with early stopping.

    validation_scores_ : list of float, list of such lists, or None
        Validation score after each epoch, by `scoring`; one list per member. None without early stopping.

    best_validation_score_ : float, list of float, or None
        Maximum of the validation scores, one per member.

    t_ : int, or list of int
        Number of training samples seen by 'sgd' or 'adam' over all epochs; one per member.

    See Also
    --------
    MLPRegressor : The regressor.

    Notes
    -----
    With scikit-learn's parameters and an int `random_state`, float64 input gives the numbers of
    :class:`sklearn.neural_network.MLPClassifier`; ``docs/differences.md`` lists the deliberate differences, and
    ``docs/derivations.md`` derives every formula.

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating errors",
       Nature 323, 1986.
    .. [2] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010 (the initialisation).
    .. [3] Diederik P. Kingma, Jimmy Ba, "Adam: A method for stochastic optimization", ICLR 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from mlp_estimator import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0, max_iter=500))
    >>> round(model.fit(X, y).score(X, y), 2)
    0.98
    >>> model.predict_proba(X[:1]).round(2)
    array([[1., 0., 0.]])
    """

    class_weight: Literal["balanced"] | dict[Any, float] | list[dict[Any, float]] | None = None
    label_smoothing: float = 0.0
    classes_: NDArray[Any] = field(init=False)

    _has_labels = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "solver": [
            StrOptions({name for name, solver in SOLVERS.items() if solver.minimizes(*CLASSIFICATION.values())})
        ],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def _learn_targets(
        self,
        settings: Settings,
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None,
        *,
        resume: bool,
        partial: bool,
        classes: Any,
    ) -> Targets:
        if (partial or resume) and hasattr(self, "_fitted"):
            targets = self._labels
        elif partial and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit: all that will ever occur.")
        else:
            targets = learn_classes(y, settings.loss, each_class=False, classes=classes if partial else None)
        if partial:
            targets.check_continuation(y, classes)
        elif resume:
            targets.check_same(y)
        if targets.multilabel and self.label_smoothing:
            raise ValueError(
                "label_smoothing is for classes that exclude each other, but y is a multilabel indicator: "
                "leave label_smoothing=0."
            )
        loss = settings.loss("sigmoid_cross_entropy" if not targets.loss.codes else "softmax_cross_entropy")
        targets = replace(targets, loss=loss, smoothing=float(self.label_smoothing))
        return targets.weighted(self.class_weight, y, sample_weight)

    @incremental
    @with_hints
    @fit_method
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Self:
        """Update the network with one pass over a chunk of data, in minibatches.

        The optimizer's memory, the learning rate and the order of samples continue from call to call, also through a
        pickle.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The chunk.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or a multilabel indicator matrix.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples.

        classes : array-like of shape (n_classes,), default=None
            All classes that will ever occur. Required in the first call, optional later.

        Returns
        -------
        self : object
            The updated estimator.

        Raises
        ------
        ValueError
            If data are invalid as in `fit`, for classes that the first call did not name, and with early stopping.
        """
        return self._fit(X, y, sample_weight, partial=True, classes=read_labels("classes", classes))

    def predict_proba(self, X: MatrixLike) -> Array:
        """Predict class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            The probability of each class, in the order of `classes_`; for multilabel targets of each label.
        """
        return self._predict(X) if self._has_class_outputs() else self._of_two(X).mean(axis=0)

    def predict_members(self, X: MatrixLike) -> Array:
        """Predict class probabilities by each member of an ensemble, whose mean is `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probability : ndarray of shape (n_members, n_samples, n_classes)
            The probability of each class, in the order of `classes_`; for multilabel targets of each label.
        """
        return self._predict(X, members=True) if self._has_class_outputs() else self._of_two(X)

    def _has_class_outputs(self) -> bool:
        """Tell whether the network has one output per class or label, not one for two classes."""
        check_is_fitted(self, "coefs_")
        return self._labels.class_outputs

    @property
    def _labels(self) -> Labels:
        return cast(Labels, self._fitted.targets)

    def _of_two(self, X: Any) -> Array:
        """Return the probabilities (M, n, 2) of two classes by one output, or (M, n, 1) of a single class."""
        both = self._off_and_on(X)
        return both if len(self.classes_) > 1 else np.ones_like(both[..., :1])

    def _off_and_on(self, X: Any) -> Array:
        """Return 1 - p and p of logistic outputs (M, n, 2 K), computed separately so that both are exact."""
        raw = self._predict(X, link=identity_link, members=True)
        both = np.concatenate([-raw, raw], axis=2)
        self._labels.loss.predict(both, both)
        return both

    def decision_function(self, X: MatrixLike) -> Array:
        """Return the log-odds of the classes: ``log(p / (1 - p))``, where p is a probability of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        score : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The log-odds of each class or label. For two classes one number, the log-odds of ``classes_[1]``: the raw
            output of a single network.
        """
        single = self._networks().groups[0].n_members == 1
        if self._labels.loss.codes:
            return log_odds(self._predict(X, link=identity_link) if single else np.log(self._predict(X)))
        if single:
            return squeeze_outputs(self._predict(X, link=identity_link))
        off, on = np.split(np.log(self._off_and_on(X).mean(axis=0)), 2, axis=1)
        return squeeze_outputs(on - off)

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.classifier_tags.multi_label = not self.label_smoothing  # it is for classes that exclude each other
        return tags
