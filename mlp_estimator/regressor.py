"""The regressor: real targets, one or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar, Literal, Self, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import MultilayerPerceptron
from .compat import Interval, StrOptions, fit_method
from .engine.losses import LOSSES, REGRESSION, Loss, LossName
from .engine.members import Array
from .fitting.features import MatrixLike
from .fitting.settings import Settings
from .fitting.state import per_member
from .fitting.targets import Numbers, Targets
from .fitting.targets.numbers import squeeze_outputs
from .hints import hinting, with_hints
from .parameters import incremental
from .scores import ScoredRegressor


@hinting
@dataclass(eq=False, repr=False, match_args=False, kw_only=True)
class MLPRegressor(ScoredRegressor, MultilayerPerceptron):
    """Multilayer perceptron regressor, trained on squared error or another loss.

    Several targets share the hidden layers, and their losses are summed [1]_, [2]_. Parameters, defaults and numbers
    are those of :class:`sklearn.neural_network.MLPRegressor`, except that `loss` is keyword-only.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units of each hidden layer. An int means one layer, ``()`` a linear model.

    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', 'mish', \
            'softplus'}, Activation, or sequence of these, default='relu'
        Activation of the hidden layers; a sequence has one entry per layer. The initial weights are scaled to suit it.
        An :class:`~mlp_estimator.Activation` defines your own.

    solver : {'adam', 'sgd', 'lbfgs', 'cg', 'newton-cg', 'lm'}, default='adam'
        'adam' and 'sgd' take one step per minibatch [3]_. The others use all data at once, in float64, and are often
        best for fewer than a few thousand samples: 'lbfgs', 'cg' and 'newton-cg' are the methods of
        :func:`scipy.optimize.minimize` of these names, and 'newton-cg' uses products of the curvature
        (Gauss-Newton) matrix; 'lm' is Levenberg-Marquardt, for squared error and up to 5000 parameters. They choose
        their own step sizes and work best with smooth activations. See ``docs/choosing_a_solver.md``.

    alpha : float or 'auto', default=0.0001
        Strength of the L2 penalty alpha / 2 ||W||^2 on the weights, without the intercepts. It is added to the
        minibatch's loss sum; the total is divided by the batch size, or by the sum of the sample weights. 'auto', with
        ``solver="lm"``, chooses the alpha that maximises the evidence (marginal likelihood) and estimates the noise
        variance, for ``predict(X, return_std=True)``. Standardise `X` and `y` for it.

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
        Whether to set a part of the samples aside, to stop when R2 on them no longer improves, and to keep the weights
        with the best score. See also `scoring`, and `X_val` of `fit`.

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
        The score that early stopping watches. None is R2; 'loss' is the negative loss without penalty; otherwise a
        scorer of scikit-learn. Sample weights are passed to scorers that accept them.

    max_time : float or None, default=None
        Maximum time of training in seconds. It ends after the epoch or iteration in progress, with the weights reached
        by then. Members of an ensemble that train one after the other share the time.

    n_members : int, default=1
        Number of networks in an ensemble, whose predictions are averaged. Each member equals the fit with its seed in
        `member_seeds_`. With 'sgd' and 'adam' the members train side by side. Attributes marked below then hold one
        entry per member.

    loss : {'squared_error', 'absolute_error', 'huber', 'quantile', 'gaussian_nll', 'poisson', 'gamma'} or Loss, \
            default='squared_error'
        'squared_error' is half the squared error and predicts the mean. 'absolute_error' predicts the median; it and
        'huber' (see `huber_delta`) are less sensitive to outliers. 'quantile' is the pinball loss (see `quantile`).
        'gaussian_nll' fits a mean and a variance for each sample, for ``predict(X, return_std=True)``. 'poisson' and
        'gamma' are half the deviances with a log link, for counts or rates (never negative) and for positive amounts. A
        :class:`~mlp_estimator.Loss` defines your own.

    huber_delta : float, default=1.0
        Residual beyond which 'huber' is linear, in units of `y`.

    quantile : float or sequence of float, default=0.5
        Level for 'quantile', in (0, 1). An increasing sequence gives one column of predictions per level; the columns
        never cross.

    Attributes
    ----------
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

    alpha_ : float, or list of float
        The penalty chosen by ``alpha="auto"``, in units of `alpha`; one per member.

    n_effective_params_ : float, or list of float
        With ``alpha="auto"``: number of parameters that the data determine; the penalty determines the others. One per
        member.

    noise_variance_ : float, or list of float
        With ``alpha="auto"``: variance of the targets around the network, in squared units of `y`; one per member.

    n_outputs_ : int
        Number of outputs of the network.

    out_activation_ : str
        Name of the function from raw outputs to predictions: 'identity', or 'exp' for 'poisson' and 'gamma'.

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
    MLPClassifier : The classifier.

    Notes
    -----
    With scikit-learn's parameters and an int `random_state`, float64 input gives the numbers of
    :class:`sklearn.neural_network.MLPRegressor`; ``docs/differences.md`` lists the deliberate differences, and
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
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from mlp_estimator import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> network = MLPRegressor((20,), solver="lbfgs", alpha=10, tol=0.01, max_iter=500, random_state=0)
    >>> model = TransformedTargetRegressor(
    ...     make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    ... )
    >>> round(model.fit(X, y).score(X, y), 1)
    0.6
    """

    loss: LossName | Loss = "squared_error"
    huber_delta: float = 1.0
    quantile: float | Sequence[float] = 0.5
    alpha_: float | list[float] = field(init=False)
    noise_variance_: float | list[float] = field(init=False)
    _posterior: Any = field(init=False)

    _has_labels = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "loss": [StrOptions(set(REGRESSION)), Loss],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
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
        return Numbers.learn(y, sample_weight, settings.loss(self.loss), standardise=False)

    @incremental
    @with_hints
    @fit_method
    def partial_fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Update the network with one pass over a chunk of data, in minibatches.

        The optimizer's memory, the learning rate and the order of samples continue from call to call, also through a
        pickle.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The chunk.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples.

        Returns
        -------
        self : object
            The updated estimator.

        Raises
        ------
        ValueError
            If data are invalid as in `fit`, and with early stopping.
        """
        return self._fit(X, y, sample_weight, partial=True)

    @overload
    def predict(self, X: MatrixLike, return_std: Literal[False] = False) -> Array: ...
    @overload
    def predict(self, X: MatrixLike, return_std: Literal[True]) -> tuple[Array, Array]: ...
    def predict(self, X: MatrixLike, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict target values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        return_std : bool, default=False
            Whether to also return the standard deviation of the targets around the prediction. With
            ``loss="gaussian_nll"`` it is the noise of each sample; after a fit with ``solver="lm"`` and
            ``alpha="auto"`` it is noise and weights in Laplace's approximation. For an ensemble the variance between
            its members is added to the mean of their variances [1]_; without a model of the noise it is the variance
            between the members alone.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted targets: conditional means, medians or quantiles, depending on `loss`; one column per quantile
            if there are several.

        std : ndarray of the same shape
            Standard deviations in the unit of the targets, if `return_std`.

        Raises
        ------
        ValueError
            If `return_std` is True for a single network without a noise variance.

        References
        ----------
        .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell, "Simple and scalable predictive uncertainty estimation
           using deep ensembles", NeurIPS 2017.
        """
        if not return_std:
            return self._predict_decoded(X)
        members = self._predict(X, members=True)
        means, variances = self._numbers.means(members), self._variances(X, members)
        # Law of total variance: disagreement of the members, and the noise that they model.
        return squeeze_outputs(means.mean(axis=0)), squeeze_outputs(np.sqrt(means.var(axis=0) + variances.mean(axis=0)))

    def predict_members(self, X: MatrixLike) -> Array:
        """Predict target values by each member of an ensemble, whose mean is `predict`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_members, n_samples) or (n_members, n_samples, n_outputs)
            The predictions of the members.
        """
        members = self._predict(X, members=True)
        return squeeze_outputs(self._numbers.means(members))

    @property
    def _numbers(self) -> Numbers:
        return cast(Numbers, self._fitted.targets)

    def _variances(self, X: Any, prediction: Array) -> Array:
        """Return the variances of the noise (M, n, K), by the loss or by the solver."""
        variances = self._numbers.variances(prediction)
        if variances is not None:
            return variances
        if hasattr(self, "_posterior"):
            fitted, n = self._networks(), len(prediction)
            rows = fitted.features.read(X, self._validator(reset=False))
            return fitted.laplace_variance(rows, per_member(self._posterior, n), per_member(self.noise_variance_, n))
        if len(prediction) == 1:
            raise ValueError(
                "return_std needs a fit that finds the noise: with solver='lm' and alpha='auto', or with "
                "loss='gaussian_nll'; or several networks, which may disagree: n_members=5."
            )
        return np.zeros_like(prediction)

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        loss = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        tags.target_tags.positive_only = getattr(loss, "domain", "real") != "real"
        return tags
