"""The flight recorder: what the engine saw of functions, calls and itself."""
