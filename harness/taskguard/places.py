"""Where the project's own files are, and where it keeps what it makes."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The checkout: the folder that holds ``serverless.yml``."""

STATE = PROJECT / ".taskguard"
"""What may be deleted at any time and is made again: installed runtimes, engine folders, logs."""
