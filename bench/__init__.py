"""Measurements, run on demand; each prints ratios taken in one run, since machines differ and drift."""
