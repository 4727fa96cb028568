"""Exact tests of counts and of orders: arithmetic alone, which must not know what was counted.

SciPy is loaded when a test is made and not before: it takes longer to load than all checks take together.
"""

import os
from importlib import import_module

# Without it OpenBLAS starts a thread for each core, which is busy for a while with waiting for work that never comes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def get_ready_to_count() -> None:
    """Load what the tests are made with, where there is time for it."""
    for module in ("scipy.special", "scipy.fft"):
        import_module(module)
