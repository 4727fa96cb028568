"""How fast the engine's clock runs."""
