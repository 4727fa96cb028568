"""A service: its folder, how it is deployed, and the stack that is deployed of it."""
