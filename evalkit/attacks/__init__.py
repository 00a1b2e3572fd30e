"""Attacks on one's own application: each plants marked cases and documents in a golden dataset.

The goals are markers that mean nothing. What is planted goes through the target's own ingest.
"""

from __future__ import annotations

from evalkit.attacks.protocol import Planter
from evalkit.registry import Registry

ATTACKS: Registry[type[Planter]] = Registry(
    "attack",
    "evalkit.attacks",
    {
        "pii_leakage": "evalkit.attacks.pii_leakage:PIILeakage",
        "prompt_injection": "evalkit.attacks.prompt_injection:PromptInjection",
    },
)

__all__ = ["ATTACKS"]
