"""Versioned prompts: read, verified against their lock, rendered in a closed template language."""

from evalkit.prompts.load import load_prompt, load_prompts
from evalkit.prompts.lockfile import check_lock, lock
from evalkit.prompts.overview import diff, listing, show
from evalkit.prompts.template import render

__all__ = [
    "check_lock",
    "diff",
    "listing",
    "load_prompt",
    "load_prompts",
    "lock",
    "render",
    "show",
]
