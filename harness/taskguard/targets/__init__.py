"""Where a stack lives. One interface (:mod:`taskguard.targets.base`), one file for each place."""
