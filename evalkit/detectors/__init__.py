"""Detectors: a text in, findings out. One kind a file."""

from __future__ import annotations

from evalkit.detectors.protocol import Detector
from evalkit.registry import Registry

DETECTORS: Registry[type[Detector]] = Registry(
    "detector",
    "evalkit.detectors",
    {
        "canary": "evalkit.detectors.canary:Canary",
        "email": "evalkit.detectors.email:Email",
        "iban": "evalkit.detectors.iban:IBAN",
        "injection": "evalkit.detectors.injection:Injection",
        "ip_address": "evalkit.detectors.ip_address:IPAddress",
        "payment_card": "evalkit.detectors.payment_card:PaymentCard",
        "phone": "evalkit.detectors.phone:Phone",
        "us_ssn": "evalkit.detectors.us_ssn:USSSN",
    },
)

__all__ = ["DETECTORS"]
