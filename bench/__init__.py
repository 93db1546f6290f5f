"""Measurements as ratios, each beside a raw baseline in the same run. `python -m bench` runs them all."""
