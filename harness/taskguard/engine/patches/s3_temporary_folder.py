"""LocalStack: buckets lie in a new temporary folder.

They would lie in one folder of the machine, whatever is said of temporary folders, and two engines would share it.

Needed until the folder follows ``TMPDIR``: ``tests/engine/test_patches.py`` fails then.
"""

from localstack.services.s3 import provider


def apply() -> None:
    # Without a name they are in a new one.
    provider.DEFAULT_S3_TMP_DIR = ""
