"""``taskguard up``, ``down``, ``deploy`` and ``remove``: stacks that stay."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from taskguard.cli.panels import PLACE, RUN
from taskguard.cli.regions import spelt_right
from taskguard.contract.dialect import IngressWords
from taskguard.contract.draws import DEFAULT_RATE
from taskguard.history.wording import deployed_otherwise, not_made
from taskguard.places import Places
from taskguard.run.events import nobody
from taskguard.run.stages import WantedStage
from taskguard.service import deployment
from taskguard.service.config import DeployerName, config_of
from taskguard.service.deployers.choosing import is_there
from taskguard.service.kept import RunningStack
from taskguard.service.on_aws import serverless_on_aws
from taskguard.service.ours import ApiAuth, api_auth_of, auth_parameters, is_ours
from taskguard.service.sandboxing import is_sandboxed
from taskguard.service.stack import Stack
from taskguard.support.clocks import MOST_SCALE
from taskguard.support.json_values import Json
from taskguard.support.this_command import runnable
from taskguard.targets.base import LOCAL_CREDENTIALS, Endpoint
from taskguard.targets.localstack import LocalStack
from taskguard.targets.names import DEFAULT_REGION, TargetName

unset = partial(typer.Option, show_default=False)
"""An option whose help says what it is when it is not given."""


def _rate(default: object) -> Any:
    return unset(
        min=0.0,
        max=1.0,
        help=f"Of the example service alone: how often an attempt fails on purpose, from 0 to 1 (default: {default}).",
        rich_help_panel=RUN,
    )


ServiceFolder = Annotated[
    Path,
    typer.Argument(
        metavar="SERVICE",
        help="The folder of the service (default: the current one).",
        exists=True,
        file_okay=False,
        show_default=False,
    ),
]
MOST_TASKS = 100_000
Tasks = Annotated[
    int,
    typer.Option(min=1, max=MOST_TASKS, help=f"How many tasks to send, 1 to {MOST_TASKS:,}.", rich_help_panel=RUN),
]
ContractOption = Annotated[
    str | None,
    unset(
        "--contract",
        help="What is demanded: a contract's file, or the name of a built-in one (default: as taskguard.toml says).",
        rich_help_panel=RUN,
    ),
]
Region = Annotated[
    str | None,
    unset(
        help=f"The AWS region (default: the one that the service names, or {DEFAULT_REGION}).",
        callback=spelt_right,
        rich_help_panel=PLACE,
    ),
]
RegionOnAws = Annotated[str, typer.Option(help="The AWS region.", callback=spelt_right, rich_help_panel=PLACE)]
Seed = Annotated[
    str | None,
    unset(
        help="Of the example service alone: decides which attempts fail; without one, failures are random.",
        rich_help_panel=RUN,
    ),
]
Rate = Annotated[float | None, _rate(DEFAULT_RATE)]
ClockScale = Annotated[
    float,
    typer.Option(
        min=1.0,
        max=MOST_SCALE,
        help=f"How fast the engine's clock runs while the pipeline only waits: 1 is real time, the most is {MOST_SCALE:g}.",
        rich_help_panel=PLACE,
    ),
]
ApiAuthOption = Annotated[
    ApiAuth | None,
    unset(
        "--api-auth",
        help="Who may call the API. none: everybody. apiKey: whoever has the key. iam: whoever signs as IAM wants it (default: as serverless.yml says).",
        rich_help_panel=PLACE,
    ),
]

DeployerOption = Annotated[
    DeployerName | None,
    unset(
        "--deployer",
        help="What deploys the service (default: as taskguard.toml says, or by the files in its folder).",
        rich_help_panel=PLACE,
    ),
]

SandboxOption = Annotated[
    bool | None,
    unset(
        "--sandbox/--no-sandbox",
        help="Build the service and run its functions in a sandbox, or not (default: as TASKGUARD_SANDBOX says, on or off; else on, but for the example service).",
        rich_help_panel=PLACE,
    ),
]


def up(
    service: ServiceFolder = Path(),
    stage: Annotated[
        str | None,
        unset(
            help="The stage to deploy (default: as taskguard.toml says, or the service's own default).",
            rich_help_panel=PLACE,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port for the engine; 0 takes a free one.", rich_help_panel=PLACE)
    ] = 4566,
    region: Region = None,
    seed: Seed = None,
    rate: Rate = None,
    clock_scale: ClockScale = 1.0,
    api_auth: ApiAuthOption = None,
    sandbox: SandboxOption = None,
    deployer: DeployerOption = None,
) -> None:
    """Start an engine, deploy the service to it, and leave it running."""
    console = Console(soft_wrap=True)
    places = Places.of(service)
    RunningStack.make_sure_there_is_none(places)
    deployment.get_ready(places, deployer)
    refuse_parameters(places.service, seed or None, rate, api_auth)
    stage = stage or config_of(places.service).stage
    wanted = WantedStage(
        places=places,
        stage=stage,
        seed=seed or None,
        rate=rate,
        region=region,
        api_auth=api_auth,
        deployer=deployer,
    )
    folder = places.state / "up" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    with LocalStack(
        folder,
        cache=places.cache,
        port=port,
        region=region or DEFAULT_REGION,
        clock_scale=clock_scale,
        functions_ready=True,
        sandboxed=is_sandboxed(places.service, sandbox, TargetName.LOCALSTACK),
    ) as engine:
        console.print(f"Starting LocalStack on 127.0.0.1 (log: {folder / 'engine.log'})")
        endpoint = engine.start()
        console.print(f"Deploying {f'stage {stage}' if stage else 'its default stage'} to {endpoint.place}")
        stack = wanted.deploy(endpoint, stage, folder / "deploy.log", nobody)
        endpoint = endpoint.in_region(stack.region)
        if stack.unsupported:
            console.print(not_made(stack.unsupported), highlight=False, markup=False)
        if stack.set_aside:
            console.print(deployed_otherwise(stack.set_aside), highlight=False, markup=False)
        RunningStack.of(engine.running, stack).save(places)
        engine.running.stay()
        engine.leave_running()
    named = [service] if service != Path() else []
    down_again = runnable("taskguard down", *named)
    is_up = f"\nUp. {places.env_file.name} has its addresses; `{down_again}` stops it."
    words = None if is_ours(places.service) else config_of(places.service).dialect.ingress
    if not (words is None or words.states_body or stack.ingress.is_queue):
        learn = runnable("taskguard init", *named)
        console.print(
            f"{is_up} It takes tasks at {stack.ingress.place}; `{learn}` learns how they are worded there.",
            highlight=False,
        )
        return
    console.print(f"{is_up} Submit a task:\n")
    for line in how_to_submit(endpoint, stack, words):
        # As pasted into a shell, so nothing may be wrapped or coloured.
        typer.echo(f"  {line}")


def refuse_parameters(service: Path, seed: str | None, rate: float | None, api_auth: ApiAuth | None) -> None:
    """Refuse what only our own service can be told.

    Raises:
        typer.BadParameter: something of it was given for another.
    """
    given = [
        name for name, value in (("--seed", seed), ("--rate", rate), ("--api-auth", api_auth)) if value is not None
    ]
    if given and is_there(service) and not is_ours(service):
        raise typer.BadParameter(
            f"{' and '.join(given)}: only TaskGuard's example service, and copies of it, can be told that; leave it out. "
            "--tasks-seed hands in tasks of the same ids again"
        )


def how_to_submit(endpoint: Endpoint, stack: Stack, words: IngressWords | None = None) -> Iterator[str]:
    """Lines for a shell, in the ``words`` of the service; ours makes an id by itself. A key is in none of them: the shell is told where it is."""
    if stack.ingress.is_queue:
        yield _how_to_send(endpoint, stack, words)
        return
    told, sends = api_auth_of(stack), ""
    if told == ApiAuth.API_KEY:
        settings = " ".join(f"{name}={value}" for name, value in LOCAL_CREDENTIALS.items())
        # Version 1 of the AWS CLI heeds no AWS_ENDPOINT_URL, and would ask AWS.
        asks = f"aws --endpoint-url {endpoint.url} --region {endpoint.region} apigateway get-api-key --api-key {stack.ingress.api.key_ids[0]} --include-value"
        yield f"API_KEY=$({settings} {asks} --query value --output text)"
        sends = ' -H "x-api-key: $API_KEY"'
    elif told == ApiAuth.IAM:
        user = ":".join(LOCAL_CREDENTIALS.values())
        sends = f" --aws-sigv4 aws:amz:{stack.region}:execute-api --user {user}"
    payload: dict[str, Json] = {"hello": "world"}
    body = shlex.quote(json.dumps({"payload": payload}) if words is None else words.filled("task-1", payload))
    submit = stack.ingress.submit
    method = "POST" if submit.method == "ANY" else submit.method
    address = shlex.quote(f"{stack.api_url}{submit.path.replace('${id}', 'task-1')}")
    yield f"curl -s -X {method} {address}{sends} -H 'Content-Type: application/json' -d {body}"


def _how_to_send(endpoint: Endpoint, stack: Stack, words: IngressWords | None) -> str:
    settings = " ".join(f"{name}={value}" for name, value in LOCAL_CREDENTIALS.items())
    body = shlex.quote((words or IngressWords()).filled("task-1", {"hello": "world"}))
    asks = f"aws --endpoint-url {endpoint.url} --region {endpoint.region} sqs send-message"
    return f"{settings} {asks} --queue-url {stack.work_queue.url} --message-body {body}"


def down(service: ServiceFolder = Path()) -> None:
    """Stop the engine that taskguard up, or grade --keep, left running."""
    places = Places.of(service)
    running = RunningStack.load(places)
    if running is not None:
        if not running.instance.takes_stacks_along:
            deployment.remove(running.instance.endpoint(), running.stage, places=places, name=running.name)
        running.instance.end()
    RunningStack.forget(places)
    typer.echo("Stopped." if running is not None else "Nothing was up.")


def deploy(
    service: ServiceFolder = Path(),
    stage: Annotated[str, typer.Option(help="The stage to deploy.")] = "dev",
    region: RegionOnAws = DEFAULT_REGION,
    seed: Seed = None,
    rate: Annotated[float | None, _rate("serverless.yml's")] = None,
    api_auth: ApiAuthOption = None,
) -> None:
    """Deploy the service to AWS, with the credentials in your environment."""
    parameters = [f"--param=failureSeed={seed}"] if seed else []
    parameters += [f"--param=failureRate={rate}"] if rate is not None else []
    parameters += [f"--param={name}={value}" for name, value in auth_parameters(api_auth).items()]
    raise typer.Exit(serverless_on_aws(Places.of(service), "deploy", stage, region, parameters))


def remove(
    service: ServiceFolder = Path(),
    stage: Annotated[str, typer.Option(help="The stage to remove.")] = "dev",
    region: RegionOnAws = DEFAULT_REGION,
) -> None:
    """Remove a stage from AWS, with everything in it."""
    raise typer.Exit(serverless_on_aws(Places.of(service), "remove", stage, region))
