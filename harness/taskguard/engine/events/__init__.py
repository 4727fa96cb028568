"""Carries messages from queues to functions, in time."""
