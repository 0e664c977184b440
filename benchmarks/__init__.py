"""Forecourt beside what others would use, as ratios measured in one run."""

import os

# Loggers read their level when they are made, so this stands before every other import.
os.environ["LOG_LEVEL"] = "CRITICAL"
