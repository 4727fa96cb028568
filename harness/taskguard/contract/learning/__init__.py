"""Learning a dialect: from tasks that nobody else has handed in, in what words a service speaks of them.

A probe's id and its payload are markers: where they turn up, a service keeps the task's id and payload. A word is certain where all
that was seen agrees and nothing else fits; what is in doubt stays unknown, with all that would fit. Nothing here runs or reads anything: requests,
answers, message bodies, items and log lines are given.
"""
