"""Graded runs one after the other while a service is worked on: what begins one, the engine that lasts, and what each tells."""
