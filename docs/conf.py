"""The site: pages in Markdown, the API from the docstrings, a gallery from ``examples/``."""

from __future__ import annotations

import os
import sys
import warnings
from importlib.resources import files
from pathlib import Path

import mlp_estimator

os.environ["MPLBACKEND"] = "Agg"
ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "docs" / "_ext")]

project = "mlp_estimator"
author = "The mlp_estimator developers"
copyright = f"2026, {author}"
version = release = mlp_estimator.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "formulas",
    "linked_names",
    "built_pages",
]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "gallery/*.ipynb"]
# The last two: labels and terms of scikit-learn's site, in inherited docstrings.
suppress_warnings = ["config.cache", "ref.term", "ref.ref"]

# The names that this site links to are listed in docs/inventories: a build needs no network.
SITES = {
    "sklearn": "https://scikit-learn.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "pandas": "https://pandas.pydata.org/docs/",
}
intersphinx_mapping = {
    name: (url, f"inventories/{name}.txt") for name, url in SITES.items()
}

autosummary_generate = True
templates_path = ["_templates"]
# What comes from scikit-learn is documented there.
SCIKIT_LEARN = [
    "BaseEstimator",
    "CallbackSupportMixin",
    "ClassifierMixin",
    "RegressorMixin",
    "GridSearchCV",
    "RandomizedSearchCV",
    "BaseSearchCV",
]
ROUTING = [
    "set_fit_request",
    "set_partial_fit_request",
    "set_predict_request",
    "set_score_request",
    "get_metadata_routing",
]
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc lists the types
autodoc_default_options = {
    "members": True,
    "inherited-members": ",".join(SCIKIT_LEARN),
    "exclude-members": ",".join(ROUTING),
}
numpydoc_class_members_toctree = False  # the table of methods links to the same page
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": "/",  # every example runs
    "abort_on_example_error": True,
    "subsection_order": [
        f"../examples/{part}" for part in ("tables", "networks", "tools")
    ],
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "capture_repr": (),
    "show_memory": False,
    "write_computation_times": False,
    "copyfile_regex": "",
    "doc_module": ("mlp_estimator",),
    "backreferences_dir": "generated/backreferences",
}
warnings.filterwarnings("ignore", message="Starting a Matplotlib GUI")

html_theme = "pydata_sphinx_theme"
html_title = "mlp_estimator"
html_static_path = [
    "_static",
    str(files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"),
]
html_css_files = ["site.css"]
html_sidebars = {"index": [], "quickstart": []}  # they are in no section
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 5,
    "logo": {"text": f"mlp_estimator {version}"},
    "navbar_align": "left",
    "show_toc_level": 1,
    # The tree of modules needs the width.
    "secondary_sidebar_items": {"**": ["page-toc"], "design": []},
}
copybutton_prompt_text = ">>> |\\.\\.\\. |\\$ "
copybutton_prompt_is_regexp = True
