"""Broken pipelines: variants of our own, each a small change, that must be rejected by the check that is meant for it."""
