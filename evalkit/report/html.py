"""`report.html`: one file that opens from disk, loads nothing, and runs only its own script.

Texts reach the page through autoescape and never as script, style, URL or event handler. The policy
in its head would stop them even so: it allows the one style sheet and the one script by their hash.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files

import jinja2
from markupsafe import Markup

from evalkit.report.plot import WIDTH
from evalkit.report.view import ReportView

_TEMPLATES = files("evalkit.report") / "templates"


def report_html(view: ReportView) -> str:
    """The build as a self-contained page."""
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    # Our own files, hashed above; nothing of them comes from a run.
    page = _environment().get_template("report.html.j2")
    return page.render(
        report=view,
        policy=policy,
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        plot_width=WIDTH,
    )


def _asset(name: str) -> str:
    # Browsers hash what is between the tags after turning CRLF into LF.
    return (_TEMPLATES / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
