"""Builds what is deployed of functions and layers: their dependencies are installed beside them, and TypeScript is bundled.

By the rules that `sam build` documents
(https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-lambda-functions.html), without its program:
that one wants each runtime's exact version, fetches packages for the processor that the template names, and runs what packages say is
to be run when they are installed. What has no dependencies is deployed as it is. It must not know how anything is deployed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskguard.errors import DeploymentError
from taskguard.service.building import View
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.dependencies import manifest_in, node_modules, python_packages, requirements_in
from taskguard.service.deployers.environment import environment_of
from taskguard.service.deployers.packaging import CODE, function_setting
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.service.deployers.templates import Resource, Template, resources_of
from taskguard.service.deployers.wheels import fetched, view_of_pip
from taskguard.targets.environments import Python, engine_python, find_python, python_with_pip

_LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
_SWITCHES = {"Minify": ("--minify", True), "Sourcemap": ("--sourcemap", False), "KeepNames": ("--keep-names", False)}
"""Of esbuild's options those that are on or off, with what holds where nothing is said:
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build-typescript.html"""
_VALUES = {"Target": ("--target", "es2020"), "Format": ("--format", "cjs")}
_LISTS = {"External": "--external:", "Loader": "--loader:", "OutExtension": "--out-extension:", "Banner": "--banner:"}
_RUN_HERE = ("provided", "python", "nodejs")
_ENTRY_SUFFIXES = ("", ".ts", ".tsx", ".mts", ".js", ".mjs")


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds into folders below ``scratch``, which lies beside the copy of the service. Functions that share their files and their way of building share what is built."""

    job: Job
    scratch: Path
    set_aside: list[str] = field(default_factory=list)
    """A sentence for what was not installed as the service has it."""
    _made: dict[tuple[Path, str], Path] = field(default_factory=dict)

    def built(self, template: Template) -> Callable[[str, Path], Path]:
        """What is deployed of the files of each function and layer of this ``template``.

        Raises:
            SetupError: a program that it takes is missing.
            DeploymentError: something cannot be built; the message has the end of what was said.
        """
        resources = {each.logical_id: each for each in resources_of(template) if each.kind in CODE}

        def built(logical_id: str, path: Path) -> Path:
            resource = resources.get(logical_id)
            if resource is None or not path.is_dir() or resource.metadata.get("SkipBuild") is True:
                return path
            return self._built(template, resource, path)

        return built

    def _built(self, template: Template, resource: Resource, source: Path) -> Path:
        method, make = self._way(template, resource, source)
        if make is None:
            return source
        if (source, method) not in self._made:
            folder = self.scratch / f"built-{len(self._made)}"
            folder.mkdir(parents=True)
            make(folder)
            self._made[source, method] = folder
        return self._made[source, method]

    def _way(self, template: Template, resource: Resource, source: Path) -> tuple[str, Callable[[Path], None] | None]:
        """How it is built, by which others are built alike, and by what; nothing where nothing is to be built."""
        said = resource.metadata.get("BuildMethod")
        if "SamResourceId" in resource.metadata:
            # `sam build` made this template, and what it names.
            return "", None
        if said == "makefile":
            python = _python(_runtime_of(template, resource))
            return f"make {resource.logical_id}", lambda folder: self._make(resource.logical_id, python, source, folder)
        if said == "esbuild":
            options = list(_esbuild_options(resource.metadata.get("BuildProperties") or {}, source))
            return f"esbuild {options}", lambda folder: self._bundle(resource.logical_id, options, source, folder)
        layer = resource.kind in _LAYERS
        # A layer is built where it says for which runtime, and taken as it is where it does not.
        runtime = str(said if layer else function_setting(template, resource, "Runtime") or "")
        if runtime.startswith("python") and (requirements := requirements_in(source)) is not None:
            python = _python(runtime)
            return f"{runtime} {layer}", lambda folder: self._python(
                requirements, python, source, folder / "python" if layer else folder
            )
        if runtime.startswith("nodejs") and (manifest := manifest_in(source)) is not None:
            return f"nodejs {layer}", lambda folder: self._node(manifest, source, folder, layer=layer)
        if said is not None and runtime.startswith(_RUN_HERE) and not str(said).startswith(("python3", "nodejs")):
            raise DeploymentError(
                f"building {resource.logical_id}: its Metadata says BuildMethod: {said}, by which nothing is built here. Build it with "
                "`sam build` and grade the folder .aws-sam/build, or build it by a makefile (BuildMethod: makefile)."
            )
        return "", None

    def _python(self, requirements: Path, python: Python, source: Path, folder: Path) -> None:
        lay(python_packages(self.job, requirements, python), folder)
        # The function's own files come last: a package must not hide one.
        lay(source, folder)

    def _node(self, manifest: Path, source: Path, folder: Path, *, layer: bool) -> None:
        modules = self._modules(manifest)
        if layer:
            lay(modules, folder / "nodejs" / "node_modules")
            return
        lay(source, folder, without=("node_modules",))
        lay(modules, folder / "node_modules")

    def _modules(self, manifest: Path, *, development: bool = False) -> Path:
        installed = node_modules(self.job, manifest, development=development)
        self.set_aside.extend(each for each in installed.set_aside if each not in self.set_aside)
        return installed.folder

    def _make(self, logical_id: str, python: Python, source: Path, folder: Path) -> None:
        # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
        environment = environment_of(self.job) | {"ARTIFACTS_DIR": str(folder)}
        view, what = View(writes=(self.scratch,)), f"building {logical_id} with make"
        if self.job.endpoint.sandboxed:
            # Most builds of Python call it, and pip, by name.
            wheels = fetched(self.job, list(_named_requirements(source)), python=python)
            environment |= {"PATH": str(python_with_pip(self.job.places.cache, python).parent), **wheels.variables}
            view = view.beside(view_of_pip(self.job, python)).beside(View(sees=wheels.sees))
        run(self.job, ["make", f"build-{logical_id}"], source, environment, what, view=view, of_the_users=True)

    def _bundle(self, logical_id: str, options: list[str], source: Path, folder: Path) -> None:
        modules = None
        if (manifest := manifest_in(source, development=True)) is not None:
            modules = self._modules(manifest, development=True)
            _link(source / "node_modules", modules)
        theirs = modules / ".bin" / "esbuild" if modules is not None else None
        esbuild = theirs if theirs is not None and theirs.exists() else esbuild_of_ours(self.job)
        command = [str(esbuild), "--bundle", "--platform=node", f"--outdir={folder}", *options]
        view = View(writes=(self.scratch,), sees=tuple({esbuild.parents[1], *([modules] if modules else [])}))
        run(self.job, command, source, environment_of(self.job), f"building {logical_id} with esbuild", view=view)


def esbuild_of_ours(job: Job) -> Path:
    """The one that comes with the Serverless CLI."""
    return serverless_cli(job.places.cache).with_name("esbuild")


def _named_requirements(source: Path) -> Iterator[Path]:
    """The files of requirements that the makefile speaks of."""
    makefile = next(
        (source / each for each in ("GNUmakefile", "makefile", "Makefile") if (source / each).is_file()), None
    )
    text = makefile.read_text(encoding="utf-8", errors="replace") if makefile is not None else ""
    for file in sorted(source.rglob("*requirements*.txt")):
        if file.name in text and requirements_in(file.parent, file.name) is not None:
            yield file


def _runtime_of(template: Template, resource: Resource) -> str:
    """What a function or the first of a layer's functions runs on; empty where that is not said."""
    if resource.kind not in _LAYERS:
        return str(function_setting(template, resource, "Runtime") or "")
    runtimes = resource.properties.get("CompatibleRuntimes")
    return str(runtimes[0]) if isinstance(runtimes, list) and runtimes else ""


def _python(runtime: str) -> Python:
    """What a function of this runtime runs on here (:func:`taskguard.targets.environments.find_runtime`); of another language's, the engine's."""
    version = runtime.removeprefix("python")
    return (find_python(version) if version != runtime else None) or engine_python()


def _esbuild_options(properties: Mapping[str, Any], source: Path) -> Iterator[str]:
    entries = properties.get("EntryPoints")
    if not isinstance(entries, list) or not entries:
        raise DeploymentError(
            f"building {source.name} with esbuild: its Metadata has no EntryPoints. Name the files in BuildProperties."
        )
    for entry in entries:
        found = (f"{entry}{suffix}" for suffix in _ENTRY_SUFFIXES if (source / f"{entry}{suffix}").is_file())
        yield next(found, str(entry))
    for name, (option, default) in _SWITCHES.items():
        if str(properties.get(name, default)).lower() == "true":
            yield option
    for name, (option, value) in _VALUES.items():
        yield f"{option}={properties.get(name, value)}"
    for name, option in _LISTS.items():
        yield from (f"{option}{each}" for each in properties.get(name) or ())
    if fields := properties.get("MainFields"):
        yield f"--main-fields={fields if isinstance(fields, str) else ','.join(fields)}"


def lay(source: Path, folder: Path, without: tuple[str, ...] = ()) -> None:
    """Put the files of ``source`` into ``folder``, over what is there. They are copies: what programs of a service change in ``folder``
    must not be what another service finds in the cache."""

    def put(file: str, at: str) -> None:
        # What is there may be a link to elsewhere.
        Path(at).unlink(missing_ok=True)
        shutil.copy2(file, at)

    shutil.copytree(
        source,
        folder,
        dirs_exist_ok=True,
        copy_function=put,
        symlinks=True,
        ignore=shutil.ignore_patterns("*.pyc", *without),
    )


def _link(at: Path, target: Path) -> None:
    if at.is_symlink():
        at.unlink()
    elif at.exists():
        shutil.rmtree(at)
    at.symlink_to(target, target_is_directory=True)
