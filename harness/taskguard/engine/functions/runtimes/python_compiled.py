"""What was compiled of modules that a package shares with the one before it: most of it, when a handler was changed.

It must not know how a module is compiled, nor which packages there are.
"""

import filecmp
import os
import shutil
import stat
from pathlib import Path

_CACHE = "__pycache__"
_COMPILED = ".pyc"


def take_over_compiled(before: Path, package: Path) -> None:
    """Copy into ``package`` what was compiled of those modules of the package ``before`` which are the same here, also in their time: by
    that Python tells whether it is of them. What ``package`` has brought itself stays."""
    for place, _, names in os.walk(package):
        here = Path(place)
        there = before / here.relative_to(package)
        if (there / _CACHE).is_dir():
            for compiled in sorted((there / _CACHE).iterdir()):
                # As in handler.cpython-313.pyc.
                module, copy = f"{compiled.stem.rpartition('.')[0]}.py", here / _CACHE / compiled.name
                is_it = compiled.suffix == _COMPILED and module in names and not copy.exists()
                if is_it and _is_same(there / module, here / module):
                    copy.parent.mkdir(exist_ok=True)
                    shutil.copyfile(compiled, copy)


def _is_same(one: Path, other: Path) -> bool:
    first, second = one.lstat() if one.exists() else None, other.lstat()
    if first is None or not (stat.S_ISREG(first.st_mode) and stat.S_ISREG(second.st_mode)):
        return False
    return int(first.st_mtime) == int(second.st_mtime) and filecmp.cmp(one, other, shallow=False)
