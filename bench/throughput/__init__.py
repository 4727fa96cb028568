"""How fast a pipeline runs on our engine, on LocalStack as it comes, and on MiniStack."""
