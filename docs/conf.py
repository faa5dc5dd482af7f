"""How Sphinx builds the site: ``make site``."""

import sys
from importlib import metadata
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

import site_pages

project = "bayescale"
author = "the bayescale authors"
project_copyright = "the bayescale authors, Apache-2.0"
release = version = metadata.version("bayescale")
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["api.md", "images/**", "_templates/**"]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore_regex = [("py:mod", r"bayescale\..*")]

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
add_module_names = False

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3
myst_update_mathjax = False
nb_execution_mode = "off"
nb_output_stderr = "show"
nb_merge_streams = True

html_theme = "pydata_sphinx_theme"
html_title = "bayescale"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static", site_pages.mathjax()]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_baseurl = ""
mathjax_path = "tex-svg.js"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
html_sidebars = {"index": [], "faq": [], "laws": [], "start": [], "gallery/index": []}
html_theme_options = {
    "logo": {"text": "bayescale"},
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def setup(app: object) -> None:
    """Write the pages that come from elsewhere before Sphinx looks for pages."""
    site_pages.write(FOLDER)
