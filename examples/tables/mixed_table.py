"""
A table of numbers and categories
=================================

Fit a DataFrame with missing values and categories. scikit-learn's transformers prepare
the columns, the network is the last step of the pipeline, and a search tunes the
pipeline.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_wine
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlp_estimator import MLPClassifier, MLPGridSearchCV

# %%
# The wine data: thirteen measurements of 178 wines, and the grower. The hue is
# converted to categories, and some values of magnesium are missing.

X, y = load_wine(return_X_y=True, as_frame=True)
hues = ["orange", "ruby", "purple"]
X["hue"] = pd.cut(X["hue"], [0, 0.8, 1.0, 2], labels=hues).astype(str)
X.loc[::11, "magnesium"] = float("nan")
print(X[["alcohol", "magnesium", "hue"]].head(3))

# %%
# Impute and scale numbers; impute and one-hot encode categories. Columns are selected
# by dtype.

columns = make_column_transformer(
    (
        make_pipeline(SimpleImputer(), StandardScaler()),
        make_column_selector(dtype_include="number"),
    ),
    (
        make_pipeline(
            SimpleImputer(strategy="most_frequent"),
            OneHotEncoder(handle_unknown="ignore"),
        ),
        make_column_selector(dtype_exclude="number"),
    ),
)
model = make_pipeline(
    columns, MLPClassifier(learning_rate_init=0.01, tol=0.001, random_state=0)
)

# %%
# The columns are prepared once per fold. Then the candidates are trained together.

grid = {
    "mlpclassifier__hidden_layer_sizes": [(5,), (20,)],
    "mlpclassifier__alpha": [0.01, 1.0, 10.0],
}
search = MLPGridSearchCV(model, grid).fit(X, y)
print(f"best: {search.best_params_}, accuracy {search.best_score_:.3f}")

fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for sizes in grid["mlpclassifier__hidden_layer_sizes"]:
    rows = [
        i
        for i, p in enumerate(search.cv_results_["params"])
        if p["mlpclassifier__hidden_layer_sizes"] == sizes
    ]
    ax.errorbar(
        grid["mlpclassifier__alpha"],
        search.cv_results_["mean_test_score"][rows],
        search.cv_results_["std_test_score"][rows],
        marker="o",
        capsize=3,
        label=f"hidden units: {sizes[0]}",
    )
ax.set(xscale="log", xlabel="alpha", ylabel="accuracy (mean and std over folds)")
ax.legend()
plt.show()
