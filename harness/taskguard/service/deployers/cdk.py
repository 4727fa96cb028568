"""Deploys an app of the Cloud Development Kit: the app is run by itself, and what it synthesises goes to the engine.

Neither CDK's command nor a bootstrap stack is needed: an app is any program that writes a cloud assembly into the folder that the
environment names (https://docs.aws.amazon.com/cdk/v2/guide/apps.html). What needs an account, a look-up, is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from taskguard.errors import DeploymentError
from taskguard.service.building import View
from taskguard.service.config import DeployerName, config_of
from taskguard.service.deployers.artifacts import lay
from taskguard.service.deployers.assembly import ACCOUNT, MANIFEST, Assembly, AssemblyStack
from taskguard.service.deployers.base import Deployed, Job, scratch_copy
from taskguard.service.deployers.bundling import bundling_programs, what_failed
from taskguard.service.deployers.caching import cached
from taskguard.service.deployers.change_sets import Deadline, deploy_template, remove_stack
from taskguard.service.deployers.commands import run, where_to_go_on
from taskguard.service.deployers.environment import environment_of
from taskguard.service.deployers.parameters import parameters_for
from taskguard.service.deployers.programs import programs_of
from taskguard.service.deployers.serverless.packages import key_of
from taskguard.service.deployers.templates import Template, read_document
from taskguard.service.deployers.workspaces import members_beside
from taskguard.service.files import deployed_files, files_of
from taskguard.service.resources import joined

SETTINGS = "cdk.json"
_CONTEXT = "cdk.context.json"
_SET_ASIDE = "taskguard-set-aside.json"
"""In an assembly that is kept: what was not installed as the service has it."""
_ASSEMBLIES = "assemblies"
"""Where they are in the cache."""
_OF_THE_COMMAND: Mapping[str, Any] = {
    "aws:cdk:bundling-stacks": ["**"],
    "aws:cdk:enable-asset-metadata": True,
    # Whatever the app says: what is kept of it must not refer to a folder that is gone.
    "aws:cdk:disable-asset-staging": False,
}
"""What CDK's command adds to the context."""
_QUIET = {
    f"JSII_SILENCE_WARNING_{which}": "1"
    for which in ("UNTESTED_NODE_VERSION", "DEPRECATED_NODE_VERSION", "END_OF_LIFE_NODE_VERSION")
}


@dataclass(frozen=True, slots=True)
class Cdk:
    """An app of CDK's version 2, in any language that this machine can run."""

    name: DeployerName = DeployerName.CDK
    looks_for: str = SETTINGS
    stages_apart: bool = False

    def file_in(self, service: Path) -> str | None:
        return _file_of(service) if (service / _file_of(service)).is_file() else None

    def get_ready(self, cache: Path) -> None:
        """Nothing: what an app needs is its own."""

    def digests(self) -> Mapping[str, str]:
        return {}

    def region_of(self, job: Job) -> str | None:
        assembly = _assembly(job)
        regions = {each.region for each in assembly.stacks()}
        region = regions.pop() if len(regions) == 1 else None
        if region not in (None, job.endpoint.region):
            # What names its region everywhere is the same there: the app, which may take a minute, is not run again for it.
            there = _key_of(replace(job, endpoint=job.endpoint.in_region(region)))
            cached(job.places.cache / _ASSEMBLIES, there, lambda folder: lay(assembly.folder, folder))
        return region

    def name_of(self, job: Job) -> str:
        return joined([each.name for each in _assembly(job).stacks()])

    def deploy(self, job: Job) -> Deployed:
        assembly, deadline = _assembly(job), Deadline(job.within_seconds, job.abandoned)
        stacks = assembly.stacks()
        if not stacks:
            raise DeploymentError(
                f"deploying the app of {SETTINGS}: it has no stack. Which it has may hang on a context value."
            )
        set_aside = assembly.publish(job.endpoint)
        for stack in stacks:
            template = stack.template()
            parameters = _parameters(job, stack, template)
            deploy_template(job.endpoint, stack.name, template, parameters, deadline, code_alone=job.code_alone)
        names = joined([each.name for each in stacks])
        elsewhere = _meant_elsewhere(stacks, job.endpoint.region)
        return Deployed(stack_name=names, set_aside=(*_kept_sentences(assembly), *set_aside, *elsewhere))

    def remove(self, job: Job) -> None:
        deadline = Deadline(job.within_seconds, job.abandoned)
        for stack in reversed(_assembly(job).stacks()):
            remove_stack(job.endpoint, stack.name, deadline)


def _file_of(service: Path) -> str:
    """Where the app's settings are, which may lie deeper than what its functions are made of."""
    named = config_of(service).template
    return named if named is not None and Path(named).name == SETTINGS else SETTINGS


def _assembly(job: Job) -> Assembly:
    """What the app synthesises; it is kept for as long as nothing changes that it is made from."""
    folder = cached(job.places.cache / _ASSEMBLIES, _key_of(job), lambda folder: _synthesise(job, folder))
    assembly = Assembly(folder)
    if missing := assembly.missing_context():
        asked = "".join(f"\n  {each}" for each in missing)
        raise DeploymentError(
            f"running the app of {SETTINGS}: it looks things up in an account of AWS, and here is none:{asked}\n"
            f"Run `cdk synth` once where you have one and keep {_CONTEXT}, which has the answers, beside {SETTINGS}; or let the app do "
            "without for the account and region that CDK_DEFAULT_ACCOUNT and CDK_DEFAULT_REGION name."
        )
    return assembly


def _key_of(job: Job) -> str:
    service = job.places.service
    return key_of(
        service,
        deployed_files(service),
        "",
        job.endpoint.region,
        job.parameters,
        host=None,
        environment=environment_of(job),
        made_by=_beside(service),
    )


def _beside(service: Path) -> Iterator[Path]:
    """The files of what lies beside the service in its workspace, which its code may be bundled with."""
    for member in members_beside(service).values():
        if member != service:
            yield from (file for name in deployed_files(member) for file in files_of(member / name))


def _synthesise(job: Job, out: Path) -> None:
    with scratch_copy(job) as copy:
        folder = (copy / _file_of(job.places.service)).parent
        settings = _settings(folder)
        programs, bundling = programs_of(job, copy, folder), bundling_programs(job, copy, folder)
        view = programs.view.beside(bundling.view).beside(View(writes=(out,)))
        environment = {
            **environment_of(job),
            **programs.variables,
            **bundling.variables,
            **_QUIET,
            "CDK_OUTDIR": str(out),
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": job.endpoint.region,
            "CDK_CONTEXT_JSON": json.dumps({**_context(folder, settings), **job.parameters, **_OF_THE_COMMAND}),
        }
        for doing, command in (("building", settings.get("build")), ("running", settings["app"])):
            if command:
                what = f"{doing} the app of {SETTINGS} (`{command}`)"
                with _telling_of_what_lies_outside(copy), _telling_of_bundling(job, copy, what, bundling.set_aside):
                    run(job, ["sh", "-c", command], folder, environment, what, view=view, of_the_users=True)
        (out / _SET_ASIDE).write_text(json.dumps(programs.set_aside), encoding="utf-8")
    if not (out / MANIFEST).is_file():
        raise DeploymentError(
            f"running the app of {SETTINGS} (`{settings['app']}`): it ended well and left nothing in the folder that CDK_OUTDIR names. Does "
            "it call app.synth(), and leave outdir as it is?"
        )


@contextmanager
def _telling_of_what_lies_outside(copy: Path) -> Iterator[None]:
    """An app in a folder of its own mostly takes its functions' code from beside that."""
    try:
        yield
    except DeploymentError as error:
        if not re.search(rf"asset at {re.escape(str(copy.parent))}/(?!{re.escape(copy.name)}/)", str(error)):
            raise
        raise DeploymentError(
            f"{error}\nThat lies outside of the service's folder, and only this is deployed. Name the folder that has all of it as the "
            f'service, and write into a taskguard.toml there where the app is:\n  [service]\n  template = "…/{SETTINGS}"'
        ) from error


@contextmanager
def _telling_of_bundling(job: Job, copy: Path, what: str, not_fetched: Iterable[str]) -> Iterator[None]:
    """An app says at length where it was when a command in Docker's place failed, and not why that did."""
    try:
        yield
    except DeploymentError as error:
        if (said := what_failed(copy)) is None:
            raise
        missing = "".join(f"\n{each}" for each in not_fetched)
        raise DeploymentError(
            f"{what} failed, as it bundles with a command that is run in Docker's place. The end of what that said:\n{said}{missing}"
            f"{where_to_go_on(job, of_the_users=True)}"
        ) from error


def _kept_sentences(assembly: Assembly) -> tuple[str, ...]:
    file = assembly.folder / _SET_ASIDE
    return tuple(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else ()


def _meant_elsewhere(stacks: Iterable[AssemblyStack], region: str) -> Iterator[str]:
    """A sentence for each stack whose code names another region than the one in which it is deployed."""
    for each in stacks:
        if each.region not in (None, region):
            yield f"the stack {each.name} is for {each.region}: deployed in {region} (--region {each.region} deploys all of them there)"


def _settings(folder: Path) -> Mapping[str, Any]:
    settings = read_document(folder / SETTINGS)
    if not isinstance(settings, dict) or not isinstance(settings.get("app"), str):
        raise DeploymentError(f'reading {SETTINGS}: it has no "app", the command that runs the app. Add it.')
    return settings


def _context(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    kept = read_document(folder / _CONTEXT) if (folder / _CONTEXT).is_file() else {}
    return {**(kept or {}), **(settings.get("context") or {})}


def _parameters(job: Job, stack: AssemblyStack, template: Template) -> dict[str, str]:
    """What the app has said of a stack's parameters, and the user: what no stack has as a parameter is a value of the context."""
    declared = template.get("Parameters") or {}
    given = {name: value for name, value in job.parameters.items() if name in declared}
    return parameters_for(template, f"the stack {stack.name}", given, stack.parameters)
