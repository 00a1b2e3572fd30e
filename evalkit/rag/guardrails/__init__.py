"""Guardrails of the reference pipeline: deterministic, without a model, and easily outwitted.

They exist so that the suites can be run with and without one. `docs/detectors.md` has what they
catch and what they cost.
"""

from __future__ import annotations

from evalkit.rag.protocol import Guardrail
from evalkit.registry import Registry

GUARDRAILS: Registry[type[Guardrail]] = Registry(
    "guardrail",
    "evalkit.guardrails",
    {
        "injection_filter": "evalkit.rag.guardrails.injection_filter:InjectionFilter",
        "pii_redaction": "evalkit.rag.guardrails.pii_redaction:PIIRedaction",
    },
)

__all__ = ["GUARDRAILS"]
