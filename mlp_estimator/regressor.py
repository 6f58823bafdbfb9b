"""The regressor: real targets, one or several."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from scipy.linalg import solve_triangular
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from .engine.batches import Data
from .engine.losses import LOSSES, Loss
from .engine.objective import Objective
from .fitted import theta_of
from .incremental import incremental_fit
from .parameters import loss_of, network_of
from .perceptron import MultilayerPerceptron, _check_numeric, _float_type
from .private import Interval, StrOptions, _fit_context
from .training import each


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """Multilayer perceptron regressor, trained on squared error or another loss.

    Several targets share the hidden layers, and their losses are summed [1]_, [2]_. Same parameters, defaults
    and numbers as :class:`sklearn.neural_network.MLPRegressor`, but for `loss`, which is keyword-only.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units of each hidden layer; an int is one layer, ``()`` a linear model.

    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', 'mish', \
            'softplus'}, Activation, or sequence of these, default='relu'
        Function of the hidden layers; a sequence has one entry for each. The first weights are drawn to suit it. An
        :class:`~mlp_estimator.Activation` is a function of your own.

    loss : {'squared_error', 'absolute_error', 'huber', 'quantile', 'gaussian_nll', 'poisson', 'gamma'} or Loss, \
            default='squared_error'
        'squared_error' is half the squared error, whose best prediction is the mean; 'absolute_error' (the median) and
        'huber' (see `huber_delta`) heed outliers less; 'quantile' is the pinball loss (see `quantile`);
        'gaussian_nll' fits a mean and a variance for each sample, for ``predict(X, return_std=True)``; 'poisson'
        and 'gamma' are half the deviances with a log link, for counts or rates (never negative) and for positive
        amounts. A :class:`~mlp_estimator.Loss` is one of your own.

    solver : {'adam', 'sgd', 'lbfgs', 'cg', 'newton-cg', 'trust-krylov', 'lm'}, default='adam'
        'adam' and 'sgd' take a step per minibatch [3]_. The others work on all data at once, in float64, and are often
        best for less than some thousand samples: 'lbfgs' and 'cg' are the methods of :func:`scipy.optimize.minimize`
        of these names, 'newton-cg' and 'trust-krylov' those that use products of the curvature (Gauss-Newton) matrix,
        'lm' is Levenberg-Marquardt, for squared error and up to 5000 parameters. They find their steps by themselves,
        and prefer smooth activations. See ``docs/choosing_a_solver.md``.

    alpha : float or 'auto', default=0.0001
        Strength of the L2 penalty alpha / 2 ||W||^2 on the weights (not the intercepts), added to the sum of the
        losses of a minibatch before that is divided by its size (or its sample weights' sum). 'auto', with
        ``solver="lm"``, finds it while fitting, as that for which the data are most probable; it also finds the noise
        variance, for ``predict(X, return_std=True)``. Standardise `X` and `y` for it.

    batch_size : int or 'auto', default='auto'
        Samples in a minibatch; 'auto' is min(200, n_samples). For 'sgd' and 'adam'.

    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine', 'one_cycle'} or callable, default='constant'
        Schedule of 'sgd': 'constant'; 'invscaling', ``learning_rate_init / (t_ + 1) ** power_t`` after each
        epoch; 'adaptive', constant until patience (see `n_iter_no_change`) runs out, then a fifth, and so on down
        to 1e-6. Plans for `max_iter` epochs, of 'sgd' and 'adam': 'cosine' falls to 0 by half a cosine wave,
        'one_cycle' rises from 1/25 to 1 in the first 0.3 of the epochs and falls to 4e-6 in the rest; a callable is
        given the fraction of the epochs done, in [0, 1], and returns a factor. A plan that is carried out is no failure
        to converge; patience may end it before. With `partial_fit` each call is an epoch,
        and a plan that is over stays at its last factor.

    learning_rate_init : float, default=0.001
        Initial step size of 'sgd' and 'adam'.

    power_t : float, default=0.5
        Exponent of 'invscaling'.

    max_iter : int, default=200
        Most epochs ('sgd', 'adam') or iterations (other solvers).

    shuffle : bool, default=True
        Whether to go through the samples in a new order in each epoch.

    random_state : int, RandomState instance or None, default=None
        Generator of the initial weights, of the early-stopping split and of the order of samples. An
        int gives the same fit each time, and the same as scikit-learn's.

    tol : float, default=1e-4
        Improvement of the loss, or of the validation score, that counts as one; for solvers on all data the largest
        component of the gradient at which to stop ('lbfgs' may stop before, where the loss no longer falls).

    verbose : bool or int, default=False
        Whether to print the loss of each epoch or iteration.

    warm_start : bool, default=False
        Whether `fit` starts from the fitted weights instead of drawing new ones.

    momentum : float, default=0.9
        Momentum of 'sgd', in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether 'sgd' looks ahead along its momentum.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when R2 on them no longer improves, and to keep the
        weights that were best there. See also `scoring`, and `X_val` of `fit`.

    validation_fraction : float, default=0.1
        The part to set aside, in [0, 1).

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the two moments of 'adam', in [0, 1).

    epsilon : float, default=1e-8
        Added to the denominator of 'adam'.

    n_iter_no_change : int or inf, default=10
        Patience: training stops after more than this many epochs in a row without an improvement of `tol`.

    max_fun : int, default=15000
        Most evaluations of the objective by solvers on all data.

    dtype : {'float32', 'float64'} or None, default=None
        Type of the computation, the weights and the predictions. None takes that of `X`, and float64 where `X` is
        neither. float32 takes half the memory and less time; solvers on all data work in float64 inside.

    dropout : float or sequence of float, default=0.0
        Probability with which each unit of a hidden layer is left out of a training step, in [0, 1); a sequence has one
        for each layer. The others are scaled up, and prediction uses all. For 'sgd' and 'adam'.

    weight_decay : float, default=0.0
        Decoupled decay: each step of 'sgd' or 'adam' also takes learning rate * weight_decay * W from the weights,
        whatever the batch size; with 'adam' that is AdamW.

    max_grad_norm : float or None, default=None
        Longest gradient that 'sgd' or 'adam' is given; a longer one is shortened to it.

    scoring : 'loss', str, callable or None, default=None
        What early stopping watches: None is R2, 'loss' is the negative loss without penalty; or any scorer of
        scikit-learn. Sample weights count where it takes them.

    max_time : float or None, default=None
        Seconds after which training stops, at the end of an epoch or iteration, with what it has reached; members of an
        ensemble that take turns share them.

    n_members : int, default=1
        Number of networks of an ensemble, whose predictions are averaged. Each is the fit with its seed in
        `member_seeds_`; with 'sgd' and 'adam' they are trained side by side. Where that is said below, fitted
        attributes have an entry for each.

    huber_delta : float, default=1.0
        Residual beyond which 'huber' is linear, in the unit of `y`.

    quantile : float or sequence of float, default=0.5
        For 'quantile', in (0, 1). A rising sequence gives one column of predictions for each, which never cross.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_in, n_out) or (n_members, n_in, n_out)
        Weights of each layer, from the inputs to the outputs.

    intercepts_ : list of ndarray of shape (n_out,) or (n_members, n_out)
        Intercepts of each layer.

    member_seeds_ : ndarray of shape (n_members,)
        Where there are several members: what `random_state` each is the fit of.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where `X` has names that are all strings.

    n_iter_ : int
        Epochs or iterations of the last call; of several members the most.

    n_layers_ : int
        Number of layers, inputs and outputs included.

    alpha_ : float, or list of float
        The penalty found by ``alpha="auto"``, in the unit of `alpha`.

    n_effective_params_ : float, or list of float
        With ``alpha="auto"``: how many of the parameters the data determine, the others being held by the penalty.

    noise_variance_ : float, or list of float
        With ``alpha="auto"``: variance of the targets around the network, in their unit squared.

    n_outputs_ : int
        Number of outputs of the network.

    out_activation_ : str
        Name of the function from raw outputs to predictions: 'identity', or 'exp' for 'poisson' and 'gamma'.

    loss_ : float, or list of float
        Loss of the last epoch: the mean over its minibatches at the weights of that time, penalty included.

    loss_curve_ : list of float, or list of such lists
        The loss of each epoch or iteration.

    best_loss_ : float, list of float, or None
        Smallest loss of an epoch; None with early stopping.

    validation_scores_ : list of float, list of such lists, or None
        Score on the samples set aside, by `scoring`, after each epoch; None without early stopping.

    best_validation_score_ : float, list of float, or None
        The largest of them.

    t_ : int, or list of int
        Training samples seen by 'sgd' or 'adam', over all epochs.

    See Also
    --------
    MLPClassifier : The same for class labels.

    Notes
    -----
    With scikit-learn's parameters and an int `random_state`, float64 input gives the numbers of
    :class:`sklearn.neural_network.MLPRegressor`; the deliberate differences are listed in ``docs/differences.md``,
    every formula is derived in ``docs/derivations.md``.

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating errors",
       Nature 323, 1986.
    .. [2] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010 (the initialisation).
    .. [3] D. P. Kingma, J. Ba, "Adam: A method for stochastic optimization", ICLR 2015.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "loss": [StrOptions({name for name, loss in LOSSES.items() if not loss.for_classes}), Loss],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="squared_error",
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dtype=None,
        dropout=0.0,
        weight_decay=0.0,
        max_grad_norm=None,
        scoring=None,
        max_time=None,
        n_members=1,
        huber_delta=1.0,
        quantile=0.5,
    ):
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            dtype=dtype,
            dropout=dropout,
            weight_decay=weight_decay,
            max_grad_norm=max_grad_norm,
            scoring=scoring,
            max_time=max_time,
            n_members=n_members,
        )
        self.loss = loss
        self.huber_delta = huber_delta
        self.quantile = quantile

    def _encode(self, y, dtype, *, resume, incremental, classes):
        loss = self.loss if isinstance(self.loss, Loss) else loss_of(self, self.loss)
        if loss.for_classes:
            raise ValueError(f"loss={self.loss!r} is for class labels: use MLPClassifier, or another loss.")
        Y = self._targets(y, dtype, loss)
        if loss.n_outputs > 1 and not loss.gives_variance:
            if Y.shape[1] > 1:
                raise ValueError(f"Several quantiles are for one target, but y has {Y.shape[1]} columns.")
            if self.early_stopping and self.scoring is None:
                raise ValueError("R2 cannot judge several quantiles: set scoring='loss' or a scorer of your own.")
        return Y, loss

    def _encode_validation(self, y, Y, loss):
        Y_val = self._targets(y, Y.dtype, loss)
        if Y_val.shape[1] != Y.shape[1]:
            raise ValueError(f"y_val has {Y_val.shape[1]} column(s), y has {Y.shape[1]}.")
        return Y_val

    def _targets(self, y, dtype, loss):
        if sparse.issparse(y):
            raise ValueError("Sparse y is for multilabel classification: give the targets dense, as y.toarray().")
        _check_numeric("y", y)
        with np.errstate(over="ignore"):
            Y = np.ascontiguousarray(y.reshape(len(y), -1), dtype)
        if not np.isfinite(Y).all():
            raise ValueError(f"Input y contains infinity or a value too large for {dtype}.")
        if not loss.allows(Y):
            raise ValueError(
                f"loss={self.loss!r} is for {loss.domain} targets, but y goes down to {Y.min():g}. "
                "Use loss='squared_error', or check the target."
            )
        return Y

    def _strata(self, Y):
        return None

    def _validation_score(self, Y, prediction, weight):
        return r2_score(Y, prediction[:, : Y.shape[1]], sample_weight=weight)  # of means, where variances follow

    @incremental_fit
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Go through a chunk of data once, in minibatches, and update the network.

        The optimizer's memory, the learning rate and the order of samples go on from call to call, also
        through a pickle.

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
            For unusable data as in `fit`, and with early stopping.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X, return_std=False):
        """Predict target values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        return_std : bool, default=False
            Whether to return the standard deviation of the targets around the prediction, too: that of the noise, which
            ``loss="gaussian_nll"`` finds for each sample, or of noise and weights in Laplace's approximation, after a
            fit with ``solver="lm"`` and ``alpha="auto"``. Of an ensemble, the variance between its members joins the
            mean of theirs [1]_; of members that know no noise it is all there is.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted targets: conditional means, medians or quantiles, as `loss` asks; with several quantiles one
            column for each.

        std : ndarray of the same shape
            Standard deviations in the unit of the targets, if `return_std`.

        Raises
        ------
        ValueError
            If `return_std` is asked of a single network without a noise variance.

        References
        ----------
        .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell, "Simple and scalable predictive uncertainty estimation
           using deep ensembles", NeurIPS 2017.
        """
        if not return_std:
            return _flat(self._means(self._predict(X)))
        members = self._predict(X, members=True)
        means, variances = self._means(members), self._variances(X, members)
        # Law of total variance: what the members disagree on, and the noise that they find.
        return _flat(means.mean(axis=0)), _flat(np.sqrt(means.var(axis=0) + variances.mean(axis=0)))

    def predict_members(self, X):
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
        return _flat(self._means(self._predict(X, members=True)))

    def _means(self, prediction):
        """Predictions (..., K) without the variances that some losses give behind them."""
        return np.split(prediction, 2, axis=-1)[0] if self._loss.gives_variance else prediction

    def _variances(self, X, prediction):
        """Variances of the noise (M, n, K), as the loss or the solver finds them."""
        if self._loss.gives_variance:
            return np.split(prediction, 2, axis=-1)[1]
        if hasattr(self, "_posterior"):
            return self._laplace(X)
        if len(prediction) == 1:
            raise ValueError(
                "return_std needs a fit that finds the noise: with solver='lm' and alpha='auto', or with "
                "loss='gaussian_nll'; or several networks, which may disagree: n_members=5."
            )
        return np.zeros_like(prediction)

    def _laplace(self, X):
        """Laplace's approximation: variance of the noise times 1 + g' A^-1 g, g the gradient of an output."""
        X = self._validate_further(X)
        network = network_of(self, self._fitted_sizes(), False)
        found = (each(value, self._n_fitted()) for value in (self._posterior, self.noise_variance_))
        variances = []
        for theta, posterior, noise in zip(theta_of(self, network, np.float64), *found, strict=True):
            data = Data(X, np.zeros((X.shape[0], self.n_outputs_)))
            objective = Objective(network, self._loss, data, theta=theta[None], alpha=0.0)
            columns = [
                1.0 + (solve_triangular(posterior, J.T, lower=True, check_finite=False) ** 2).sum(axis=0)
                for J, _ in objective.residuals()
            ]
            chunks = [np.stack(columns[i : i + self.n_outputs_], 1) for i in range(0, len(columns), self.n_outputs_)]
            variances.append(noise * np.concatenate(chunks))
        return np.stack(variances).astype(_float_type(self.coefs_[0]))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        loss = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        tags.target_tags.positive_only = getattr(loss, "domain", "real") != "real"
        return tags


def _flat(prediction):
    """(..., n, K) as (..., n) where there is one output."""
    return prediction[..., 0] if prediction.shape[-1] == 1 else prediction
