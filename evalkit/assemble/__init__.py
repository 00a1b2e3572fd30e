"""The composition root: the only package that turns names in files into objects.

Every name and option of a suite is checked here before anything is measured; all problems found are
reported together.
"""

from evalkit.assemble.suites import (
    instruments,
    metric,
    plans,
    promise_of,
    promise_of_run,
    suite_files,
    versioned,
)

__all__ = [
    "instruments",
    "metric",
    "plans",
    "promise_of",
    "promise_of_run",
    "suite_files",
    "versioned",
]
