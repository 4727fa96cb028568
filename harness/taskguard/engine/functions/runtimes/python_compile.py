"""Compile the modules of folders, each into a folder of its own that is there as a whole or not at all.

Run as ``python -I -S python_compile.py <kept>``, with a JSON object on stdin: to the name that it is to have below ``kept``, the folder that
is to be compiled. It imports nothing of the harness, and runs on each Python that Lambda has.
"""

import json
import os
import py_compile
import shutil
import sys
import tempfile


def _compile(folder: str, at: str) -> None:
    new = tempfile.mkdtemp(prefix="new-", dir=os.path.dirname(at))  # noqa: PTH120
    for name in os.listdir(folder):  # noqa: PTH208
        module, is_module = name[:-3], name.endswith(".py")
        source = os.path.join(folder, name)  # noqa: PTH118
        if is_module and os.path.isfile(source) and not os.path.islink(source):  # noqa: PTH113, PTH114
            compiled = os.path.join(new, f"{module}.{sys.implementation.cache_tag}.pyc")  # noqa: PTH118
            try:
                # Where it is found tells of which text it is; by what name it was compiled, the importer replaces.
                mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                py_compile.compile(source, compiled, dfile=name, doraise=True, invalidation_mode=mode)
            except (py_compile.PyCompileError, OSError):
                # Whoever imports it will be told why.
                continue
    os.chmod(new, 0o555)  # noqa: PTH101, S103
    try:
        os.rename(new, at)  # noqa: PTH104
    except OSError:
        # Somebody else was quicker.
        shutil.rmtree(new, ignore_errors=True)


if __name__ == "__main__":
    for _name, _folder in json.load(sys.stdin).items():
        _compile(_folder, os.path.join(sys.argv[1], _name))  # noqa: PTH118
