"""Forecourt: dealer website leads into their CRMs, EasyCars stock into PostgreSQL."""
