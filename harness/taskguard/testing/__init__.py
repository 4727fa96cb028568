"""The pytest plugin, and what a test of a pipeline holds in its hand."""
