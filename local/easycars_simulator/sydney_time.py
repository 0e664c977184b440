"""How EasyCars writes moments."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SYDNEY = ZoneInfo("Australia/Sydney")


def sydney_text(moment: float) -> str:
    """Write a moment as the vendor does: ``dd/MM/yyyy HH:mm:ss`` in Sydney (Lead API, 1.7)."""
    return datetime.fromtimestamp(moment, UTC).astimezone(SYDNEY).strftime("%d/%m/%Y %H:%M:%S")
