"""What of a connection comes to its end, in reports and in words."""

from osiris_provider.connectors.expiry.report import WARN_DAYS, expiring, expiry_sentence, with_expiries
from osiris_provider.connectors.expiry.tokens import TOKEN

__all__ = ["TOKEN", "WARN_DAYS", "expiring", "expiry_sentence", "with_expiries"]
