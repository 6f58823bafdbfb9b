"""
What a model of a raw table uses
================================

Importances of columns from the fit alone, and what each column contributes to a
prediction: for the diabetes progression of scikit-learn's table.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes

from mlp_estimator import ExplanationDisplay, ImportanceDisplay, TabularMLPRegressor

# %%
# The importance of a column is the rise of 1 - R2 where it is permuted. Each row is
# predicted by networks that have not seen it, so that noise has none. Lines are two
# standard errors.

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X["sex"] = X["sex"].map({1.0: "one", 2.0: "two"})
model = TabularMLPRegressor(preset="fast", random_state=0).fit(X, y)
ImportanceDisplay.from_estimator(model)
plt.show()

# %%
# Contributions of a prediction add up to its difference from the mean prediction.

explanation = model.explain(X)
row = int(model.predict(X).argmax())
ExplanationDisplay.from_explanation(explanation, row=row, max_columns=6)
plt.show()

# %%
# By the values of a column they show its effect, here of the body mass index and of sex.

_, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
ExplanationDisplay.from_explanation(explanation, column="bmi", ax=axes[0])
ExplanationDisplay.from_explanation(explanation, column="sex", ax=axes[1])
plt.show()
