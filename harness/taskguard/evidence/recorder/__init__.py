"""Evidence from the flight recorder's file."""
