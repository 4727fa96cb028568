"""Programs that nobody here vouches for, run where they see no more than they need: bubblewrap, on Linux.

``box`` says what such a program sees, ``network`` which ports it can reach, ``availability`` whether this machine can do it. Nothing
here knows what the programs are.
"""
