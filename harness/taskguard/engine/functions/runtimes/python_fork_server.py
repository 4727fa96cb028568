"""Functions in Python, forked from an interpreter that has loaded what Lambda brings: a cold start then takes a sixth to a third of the time.

``keeper.py`` calls ``load`` once, with the file of ``python_bootstrap.py``, the search path of what Lambda brings, and the arguments of that
file that are the same for all functions. In a process that was forked it calls what it was given, with what is to be started. That process
becomes the function's if it is then the same as by that command: if no variable has to be set before an interpreter starts, no fault gives it
another time, and no file of the function's own stands for a module that is loaded already. It runs on each Python that Lambda has.
"""

import gc
import importlib
import os
import runpy
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

READ_AT_THE_START = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "GLIBC_", "OPENSSL_", "BOTO_")
"""What names of variables begin with that an interpreter, or a library that it loads, reads once."""
_SET_OTHERWISE = "PYTHONPATH"
"""A process that was forked is given its search path itself."""
_OF_THE_INTERPRETER = "LC_CTYPE"
"""Set by Python itself where the machine has not got the locale (PEP 538)."""
_SERVICES = ("sqs", "dynamodb")
"""What is loaded with a resource of boto3 serves its client, too, and much of it those of other services."""


def load(bootstrap: str, library_path: str, *life: str) -> "Callable[[dict[str, Any]], None]":
    """Load what processes load first; what makes a process the function's, and returns if that cannot be."""
    own = runpy.run_path(bootstrap)
    own["search_no_folder_of_ours"]()
    libraries, standard = library_path.split(os.pathsep), list(sys.path)
    sys.path[:] = [*libraries, *standard]
    own["live"](*life)
    _load_clients()
    # What many functions bring loads it, and it is as large as much of what they have themselves.
    importlib.import_module("asyncio")
    modules = _files()
    gc.collect()
    gc.freeze()

    def become(wanted: "dict[str, Any]") -> None:
        *given, skew, handler = wanted["argv"][wanted["argv"].index(bootstrap) + 1 :]
        environment = dict(wanted["environment"])
        if _OF_THE_INTERPRETER in os.environ:
            environment.setdefault(_OF_THE_INTERPRETER, os.environ[_OF_THE_INTERPRETER])
        path = environment["PYTHONPATH"].split(os.pathsep)
        if given != list(life) or float(skew) or _starts_otherwise(environment):
            return
        if any(_stands_for_one(folder, modules) for folder in path if folder not in libraries):
            return
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        os.chdir(wanted["folder"])
        sys.path[:] = [*path, *standard]
        own["run"](handler)
        sys.exit()

    return become


def _load_clients() -> None:
    # Much of botocore is loaded with the first client. No request is made. The runtime interface client looks at the environment as
    # soon as it is loaded, and is not loaded here.
    boto3, botocore = importlib.import_module("boto3"), importlib.import_module("botocore.session")
    core = botocore.get_session()
    session = boto3.session.Session("none", "none", region_name="us-east-1", botocore_session=core)
    for name in _SERVICES:
        session.resource(name)
    _share_what_was_read(botocore, core.get_component("data_loader"))


def _share_what_was_read(botocore: "Any", known: "Any") -> None:
    """Let each loader of service models that searches the same folders begin with what this one has found there, and read. That is more than
    half of what a client costs, and nobody changes what a loader gave them, for it gives them the same again."""
    create = botocore.create_loader

    def create_loader(*places: "Any") -> "Any":
        loader = create(*places)
        # After these boto3 adds its own, which has nothing that a client needs.
        if loader.search_paths == known.search_paths[: len(loader.search_paths)]:
            loader._cache.update(known._cache)  # it has no other way in
        return loader

    botocore.create_loader = create_loader


def _starts_otherwise(environment: "dict[str, str]") -> bool:
    names = {name for name in {*environment, *os.environ} if name.startswith(READ_AT_THE_START)}
    return any(environment.get(name) != os.environ.get(name) for name in names - {_SET_OTHERWISE})


def _files() -> "dict[str, list[tuple[str, str]]]":
    """The files of the modules that are loaded, by the name of the outermost package: the folder that each was searched in, and where
    it lies there."""
    files: dict[str, list[tuple[str, str]]] = {}
    for name, module in sys.modules.items():
        spec = getattr(module, "__spec__", None)
        # What is built in, or frozen, comes before any file.
        if spec is None or not spec.has_location:
            continue
        above = name.count(".") + (spec.submodule_search_locations is not None)
        place = spec.origin
        for _ in range(above + 1):
            place = os.path.dirname(place)  # noqa: PTH120
        files.setdefault(name.partition(".")[0], []).append((place, os.path.relpath(spec.origin, place)))
    return files


def _stands_for_one(folder: str, modules: "dict[str, list[tuple[str, str]]]") -> bool:
    """Whether a module would be loaded from this folder that was loaded from another place, and is not the same."""
    try:
        names = {entry.partition(".")[0] for entry in os.listdir(folder)}  # noqa: PTH208
    except OSError:
        return False
    found = [place for name in names & modules.keys() for place in modules[name]]
    return not all(_read(f"{folder}/{file}") == _read(f"{place}/{file}") for place, file in found)


def _read(file: str) -> "bytes | None":
    try:
        with open(file, "rb") as opened:  # noqa: PTH123
            return opened.read()
    except OSError:
        return None
