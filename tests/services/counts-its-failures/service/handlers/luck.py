"""The work, which fails at each third attempt that a process makes."""

import itertools

attempts = itertools.count(1)


def work():
    if next(attempts) % 3 == 0:
        raise RuntimeError("bad luck")
