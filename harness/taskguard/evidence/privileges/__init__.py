"""Which permissions a run's calls needed, and which that were granted it did not use.

`actions` says which permission a call needs, `uses` finds them in a recording, and holds them against what is granted. Nothing here
knows what a function does, nor what it should be allowed.
"""
