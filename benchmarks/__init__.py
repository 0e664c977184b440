"""Forecourt beside what others would use, as ratios measured in one run."""
