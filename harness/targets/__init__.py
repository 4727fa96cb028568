"""Where a stack lives. One interface (:mod:`harness.targets.base`), one file for each place."""
