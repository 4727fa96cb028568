"""The behaviours that the engine has wrong, each with the reason. The list is strict: what has become right must be taken off it."""

KNOWN_WRONG: dict[str, str] = {}
