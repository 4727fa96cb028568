"""What functions of each language do on Lambda: one table a language, which docs/runtimes.md has too."""
