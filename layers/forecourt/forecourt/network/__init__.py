"""Call a vendor over HTTP: one answer whole by its deadline, and no address in a log."""
