"""Credential envelopes, site keys, redaction: everything that keeps a secret secret."""
