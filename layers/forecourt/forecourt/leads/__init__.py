"""Leads: accepted from a website, delivered to each CRM, never lost and never doubled."""
