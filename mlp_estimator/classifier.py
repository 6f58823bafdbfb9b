"""The classifier: labels in, labels and probabilities out."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted

from .class_weight import codes_of, weigher
from .fitted import as_it_is
from .incremental import incremental_fit
from .labels import check_classes, check_kind, is_multilabel, name_classes
from .parameters import loss_of
from .perceptron import MultilayerPerceptron
from .private import Interval, StrOptions, _fit_context


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """Multilayer perceptron classifier, trained on the cross-entropy of its class probabilities.

    Two classes and multilabel targets are modelled by logistic outputs, more classes by a softmax [1]_, [2]_. Same
    parameters, defaults and numbers as :class:`sklearn.neural_network.MLPClassifier`.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units of each hidden layer; an int is one layer, ``()`` a linear model.

    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', 'mish', \
            'softplus'}, Activation, or sequence of these, default='relu'
        Function of the hidden layers; a sequence has one entry for each. The first weights are drawn to suit it. An
        :class:`~mlp_estimator.Activation` is a function of your own.

    solver : {'adam', 'sgd', 'lbfgs', 'cg', 'newton-cg', 'trust-krylov'}, default='adam'
        'adam' and 'sgd' take a step per minibatch [3]_. The others work on all data at once, in float64, and are often
        best for less than some thousand samples: 'lbfgs' and 'cg' are the methods of :func:`scipy.optimize.minimize`
        of these names, 'newton-cg' and 'trust-krylov' those that use products of the curvature (Gauss-Newton) matrix.
        They find their steps by themselves, and prefer smooth activations.

    alpha : float, default=0.0001
        Strength of the L2 penalty alpha / 2 ||W||^2 on the weights (not the intercepts), added to the sum of the
        losses of a minibatch before that is divided by its size (or its sample weights' sum).

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
        Whether to set a part of the samples aside, to stop when the accuracy on them no longer improves, and to
        keep the weights that were best there. The split is stratified, except where a class is too rare for
        that. See also `scoring`, and `X_val` of `fit`.

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
        What early stopping watches: None is the accuracy, weighted by `class_weight` too; 'loss' is the negative loss
        without penalty; or any scorer of scikit-learn. Sample weights count where it takes them.

    max_time : float or None, default=None
        Seconds after which training stops, at the end of an epoch or iteration, with what it has reached; members of an
        ensemble that take turns share them.

    n_members : int, default=1
        Number of networks of an ensemble, whose probabilities are averaged. Each is the fit with its seed in
        `member_seeds_`; with 'sgd' and 'adam' they are trained side by side. Where that is said below, fitted
        attributes have an entry for each.

    class_weight : 'balanced', dict, list of dict or None, default=None
        Weights of the classes in the loss, multiplied with the sample weights: a dict ``{label: weight}``, 1 where a
        label is missing; 'balanced' weighs a class by n_samples / (n_classes * its weighted count). For multilabel
        targets a list of one dict for each label.

    label_smoothing : float, default=0.0
        Part of each target that is spread evenly over the classes, in [0, 1). Not for multilabel targets.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; for multilabel targets the column numbers.

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

    n_outputs_ : int
        Number of outputs of the network.

    out_activation_ : str
        Name of the function from raw outputs to predictions: 'softmax' or 'logistic'.

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
    MLPRegressor : The same for real-valued targets.

    Notes
    -----
    With scikit-learn's parameters and an int `random_state`, float64 input gives the numbers of
    :class:`sklearn.neural_network.MLPClassifier`; the deliberate differences are listed in ``docs/differences.md``,
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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
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
        class_weight=None,
        label_smoothing=0.0,
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
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    def _encode(self, y, dtype, *, resume, incremental, classes):
        check_classification_targets(y)
        if incremental:
            name_classes(self, y, classes)
        elif not resume:
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        if incremental or resume:
            check_kind(self, y, "`y`")
            check_classes(self, y, incremental)
        kind = self._label_binarizer.y_type_
        if kind.startswith("multilabel") and self.label_smoothing:
            raise ValueError(
                "label_smoothing is for classes that exclude each other, but y is a multilabel indicator: "
                "leave label_smoothing=0."
            )
        loss = loss_of(self, "softmax_cross_entropy" if kind == "multiclass" else "sigmoid_cross_entropy")
        return self._targets(y, dtype), loss

    def _encode_validation(self, y, Y, loss):
        check_classification_targets(y)
        check_kind(self, y, "`y_val`")
        unseen = np.setdiff1d(unique_labels(y), self.classes_)
        if len(unseen):
            raise ValueError(f"y_val has the classes {unseen}, which y does not have: {self.classes_}.")
        return self._targets(y, Y.dtype)

    def _targets(self, y, dtype):
        kind = self._label_binarizer.y_type_
        if kind.startswith("multilabel"):
            return np.ascontiguousarray(self._label_binarizer.transform(y), dtype)
        codes = np.searchsorted(self.classes_, y)[:, None]
        if kind == "multiclass":
            return codes
        s = float(self.label_smoothing)
        return codes.astype(dtype) * (1 - s) + s / 2 if s else codes.astype(dtype)

    def _weigher(self, Y, sample_weight):
        if self.class_weight is None:
            return super()._weigher(Y, sample_weight)
        labels = is_multilabel(self)
        return weigher(self.class_weight, None if labels else self.classes_, Y, sample_weight)

    def _strata(self, Y):
        return Y[:, 0] if Y.shape[1] == 1 else None  # not for multilabel targets

    def _validation_score(self, Y, prediction, weight):
        codes = prediction.shape[1] > Y.shape[1]  # against one probability for each class
        decided = prediction.argmax(axis=1) if codes else (prediction > 0.5).astype(int)
        return accuracy_score(codes_of(Y), decided, sample_weight=weight)

    @incremental_fit
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Go through a chunk of data once, in minibatches, and update the network.

        The optimizer's memory, the learning rate and the order of samples go on from call to call, also
        through a pickle.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The chunk.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or a multilabel indicator matrix.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples.

        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; needed in the first call, optional later.

        Returns
        -------
        self : object
            The updated estimator.

        Raises
        ------
        ValueError
            For unusable data as in `fit`, for classes that the first call did not name, and with early stopping.
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The most probable class of each sample; for multilabel targets an indicator matrix.
        """
        probability = self._predict(X)
        if is_multilabel(self):
            return self._label_binarizer.inverse_transform(probability)
        codes = probability[:, 0] > 0.5 if probability.shape[1] == 1 else probability.argmax(axis=1)
        return self.classes_.take(codes, mode="clip")  # where only one class was seen there is no second

    def predict_proba(self, X):
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

    def predict_members(self, X):
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

    def _has_class_outputs(self):
        """Whether the network has an output for each class or label, and not one for two classes."""
        return getattr(self, "out_activation_", None) != "logistic" or self.n_outputs_ > 1

    def _of_two(self, X):
        """Probabilities (M, n, 2) of two classes, each as exact as the other."""
        raw = self._predict(X, as_it_is, members=True)
        both = np.concatenate([-raw, raw], axis=2)
        self._loss.predict(both, both)
        return both

    def decision_function(self, X):
        """Compute the raw scores of the classes, from which probabilities are made.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        score : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The network's output before softmax or logistic function. For two classes one number, the log-odds of
            ``classes_[1]``. Of an ensemble, what a single network would put out for its mean probabilities.
        """
        check_is_fitted(self, "coefs_")
        if self._n_fitted() == 1:
            score = self._predict(X, as_it_is)
        elif self._has_class_outputs():
            probability = self.predict_proba(X)
            score = np.log(probability)
            if is_multilabel(self):
                score -= np.log1p(-probability)
        else:
            score = np.subtract(*np.log(self.predict_proba(X)).T[::-1])[:, None]
        return score[:, 0] if score.shape[1] == 1 else score

    def predict_log_proba(self, X):
        """Predict the logarithm of class probabilities, finite for every sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, n_classes)
            ``log(predict_proba(X))``: a predicted probability is never rounded to 0.
        """
        probability = self.predict_proba(X)
        return np.log(probability, out=probability)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = not self.label_smoothing  # it is for classes that exclude each other
        return tags
