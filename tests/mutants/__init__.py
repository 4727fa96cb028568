"""Broken pipelines: variants of our own, each a small change with a name and a sentence, that must be rejected."""
