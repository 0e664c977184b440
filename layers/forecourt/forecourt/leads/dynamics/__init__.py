"""Deliver leads to Dynamics 365."""
