"""From a history to a grade: checks, guarantees and the statistics that they rest on."""
