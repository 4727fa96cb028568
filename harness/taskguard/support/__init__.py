"""Leaves: what knows nothing of pipelines, and may be used by every other package."""
