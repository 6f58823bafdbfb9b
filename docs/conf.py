"""The site: pages in Markdown, the API from the docstrings, a gallery from ``examples/``."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import mlp_estimator

os.environ["MPLBACKEND"] = "Agg"
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples"))

project = "mlp_estimator"
author = "The mlp_estimator developers"
copyright = f"2026, {author}"
version = release = mlp_estimator.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "README.md", "gallery/*.ipynb", "sg_execution_times.rst"]
suppress_warnings = ["config.cache", "ref.term"]  # the latter: of scikit-learn's glossary, in an inherited property

autosummary_generate = True
templates_path = ["_templates"]
# What comes from scikit-learn is documented there.
SCIKIT_LEARN = (
    "BaseEstimator,CallbackSupportMixin,ClassifierMixin,RegressorMixin,GridSearchCV,RandomizedSearchCV,BaseSearchCV"
)
ROUTING = "set_fit_request,set_partial_fit_request,set_predict_request,set_score_request,get_metadata_routing"
autodoc_typehints = "none"  # numpydoc lists the types
autodoc_default_options = {"members": True, "inherited-members": SCIKIT_LEARN, "exclude-members": ROUTING}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": "/",  # every example runs
    "abort_on_example_error": True,
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "capture_repr": (),
    "show_memory": False,
    "copyfile_regex": "",
}
warnings.filterwarnings("ignore", message="Starting a Matplotlib GUI")

html_theme = "pydata_sphinx_theme"
html_title = "mlp_estimator"
html_static_path: list[str] = []
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
