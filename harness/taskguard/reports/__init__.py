"""Ways to show a grade: on a console, as JSON, and one task's timeline as text.

A report shows and never judges; it must not know how a history was gathered.
"""
