"""Changes to libraries that the engine runs on, one a file: its reason, and how one notices that it is needed no more."""
