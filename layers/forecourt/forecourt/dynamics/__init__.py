"""Adapter to Dynamics 365 (the Dataverse Web API)."""
