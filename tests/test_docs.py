"""The pages are true: code blocks run, named functions exist, links lead somewhere."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from samples import since_scikit_learn

import mlp_estimator

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
IN_ONE_PROCESS = [page for page in PAGES if page.name != "integrations.md"]  # which test_integrations.py runs


@pytest.mark.parametrize("page", IN_ONE_PROCESS, ids=lambda page: page.name)
def test_python_blocks_run(page, capsys):
    scope = {}
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(), flags=re.M | re.S):
        exec(compile(block, page.name, "exec"), scope)
    printed = capsys.readouterr().out
    assert page.name != "README.md" or "hidden_layer_sizes" in printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        made = re.sub(r"^gallery/index.rst$", "../examples/README.rst", target)  # by the site's build
        made = re.sub(r"^gallery/([\w/]+).rst$", r"../examples/\1.py", made)
        assert (page.parent / made).exists(), target


@pytest.fixture(scope="module")
def built_pages():
    """The module of the site that checks its built pages."""
    path = ROOT / "docs" / "_ext" / "built_pages.py"
    spec = importlib.util.spec_from_file_location("built_pages", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("text", ["gives $$\\gamma = 1$$", "costs $5", r"\(x\)", r"the \odot product"])
def test_the_build_finds_left_over_tex(built_pages, text):
    assert built_pages.left_over_tex(built_pages.Page(f"<p>A line<br>\n{text}</p>")) == [text]


@pytest.mark.parametrize(
    "html", ["<p>gives <math><mi>x</mi></math></p>", "<pre>$ pip</pre><code>$x</code>", "<p>a\\3</p>"]
)
def test_the_build_lets_formulas_and_code_pass(built_pages, html):
    assert not built_pages.left_over_tex(built_pages.Page(html))


def test_the_build_finds_unclean_outputs(built_pages):
    line = "file.py:3: ConvergenceWarning: Maximum iterations"
    output = '<div class="sphx-glr-script-out notranslate"><pre>score 0.9\n{}</pre></div>'
    assert built_pages.unclean_outputs(output.format(line)) == [line]
    assert not built_pages.unclean_outputs(output.format("loss 0.1") + f"<pre>\n{line}</pre>")


def test_the_build_finds_dead_links(built_pages, tmp_path):
    links = {
        "b.html": True,
        "b.html#there": True,
        "b.html#gone": False,
        "c.html": False,
        "#top": True,
        "https://a.b/c": True,
    }
    sources = {
        "a.html": '<p id="top">' + "".join(f'<a href="{link}">x</a>' for link in links),
        "b.html": '<p id="there">',
    }
    pages = {}
    for name, html in sources.items():
        (tmp_path / name).write_text(html)
        pages[(tmp_path / name).resolve()] = built_pages.Page(html)
    assert [link for _, link in built_pages.dead_links(pages)] == [link for link, works in links.items() if not works]


def test_derivations_name_functions_that_exist():
    text = (ROOT / "docs" / "derivations.md").read_text()
    rooms = "|".join(path.stem for path in (ROOT / "mlp_estimator" / "engine").iterdir())
    names = set(re.findall(rf"`((?:{rooms})\.[\w.]+)`", text))
    assert len(names) > 15
    for name in names:
        module, *path = name.split(".")
        found = importlib.import_module(f"mlp_estimator.engine.{module}")
        for part in path:
            found = getattr(found, part)
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}(" in tests, name


def test_design_draws_the_modules_there_are():
    drawn = set(re.findall(r"^ +(\w+\.py) ", (ROOT / "docs" / "design.md").read_text(), flags=re.M))
    there = {path.name for path in (ROOT / "mlp_estimator").rglob("*.py")} - {"__init__.py"}
    assert drawn == there


def test_the_first_bash_blocks_are_the_two_commands():
    blocks = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text(), flags=re.M | re.S)
    assert "examples/quickstart.py" in blocks[0]
    assert "pytest" in blocks[1]


@pytest.mark.slow
def test_quickstart_scores_are_scikit_learns():
    example = ROOT / "examples" / "quickstart.py"
    printed = subprocess.run([sys.executable, example], capture_output=True, text=True, check=True).stdout
    assert "R2 of rows that the networks have not seen: 0." in printed
    rows = re.findall(r"(-?\d\.\d{4}) +(-?\d\.\d{4}) +\d+\.\d +\d+\.\d +\d+\.\d", printed)
    assert len(rows) == 4
    for theirs, ours in rows:
        assert abs(float(theirs) - float(ours)) < 0.005


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor", "MLPGridSearchCV", "MLPRandomizedSearchCV"])
def test_the_html_representation_links_to_a_page_of_the_site(name):
    found = getattr(mlp_estimator, name)
    estimator = found() if name.endswith("er") or name.endswith("or") else found(mlp_estimator.MLPClassifier(), {})
    assert f"generated/mlp_estimator.{name}.html" in estimator._repr_html_()
    assert re.search(rf"^   {name}$", (ROOT / "docs" / "api.rst").read_text(), flags=re.M)


@since_scikit_learn("1.8", "tooltips")
def test_its_tooltips_show_our_docstrings():
    assert "Decoupled weight decay" in mlp_estimator.MLPClassifier()._repr_html_()


def test_the_site_documents_every_public_name():
    listed = set(re.findall(r"^   (\w+)$", (ROOT / "docs" / "api.rst").read_text(), flags=re.M))
    assert listed == set(mlp_estimator.__all__) - {"__version__"}


def test_the_changelog_dates_the_version():
    version = re.escape(mlp_estimator.__version__)
    assert re.search(rf"^## {version} \(\d{{4}}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
