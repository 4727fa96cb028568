"""A run against a deployed stack: hand tasks in, watch them, gather the evidence."""
