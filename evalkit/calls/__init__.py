"""What goes once around every call to a model outside this process."""

from evalkit.calls.caller import Calls
from evalkit.calls.ledger import Ledger
from evalkit.calls.traffic import Traffic

__all__ = ["Calls", "Ledger", "Traffic"]
