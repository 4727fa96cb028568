"""The work, which fails as often as it is told to."""

import os
import random


def work():
    if random.random() < float(os.environ["FAILURE_RATE"]):
        raise RuntimeError("bad luck")
