"""What is demanded of a run, and by which words a service speaks of its tasks."""
