"""Pictures: each vehicle shows what its feed item names, in that order."""
