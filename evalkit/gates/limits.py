"""The rates every gate decides at; `research/gating-statistics.md` §1.2, §1.5, §1.8 chose them."""

ALPHA = 0.05
"""The share of unchanged builds that may fail, over all tests of the build together."""

POWER = 0.80
"""The probability with which the smallest detectable drop is found."""

CONFIDENCE = 0.95
"""Of the bounds a PASS rests on, and of the intervals shown."""

MAX_MISSING = 0.02
"""The largest share of applicable cases without a score that still allows a verdict."""

MAX_EXCLUDED = 0.10
"""The largest share of cases in only one of run and baseline that still allows a comparison."""

SHOWN_CASES = 5
"""Case ids named in a check."""

ROUNDING = 1e-12
"""Slack where a mean meets a limit exactly: 0.7 and 0.9 average to a hair below 0.8 in binary."""

FEW_CASES, FEW_CASES_CHANGED = 100, 150
"""Below these a verdict says that its cases are few; the second where most answers changed."""

LEAST_J = 0.5
"""The share of a true drop that a judge must show for a PASS to rule one out."""

LABELS_FOR_LEVELS = 50
"""The fewest answers labelled by people that a level is corrected by."""
