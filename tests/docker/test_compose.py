"""``docker compose up``, a deploy by hand and a task; ``down -v`` leaves nothing."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
from docker import DockerClient
from taskguard.ingress.http_client import HttpClient
from taskguard.service import deployment
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.names import DEFAULT_REGION
from taskguard.targets.process import listen_once

from tests.places import PLACES, PROJECT

pytestmark = [pytest.mark.heavy, pytest.mark.long]

Compose = Callable[..., str]


def compose_command() -> list[str]:
    """Docker's plugin, or its predecessor."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        pytest.skip("neither `docker compose` nor docker-compose is installed")
    return ["docker-compose"]


@pytest.fixture
def port() -> int:
    return listen_once(0)


@pytest.fixture
def project() -> str:
    return f"taskguard-test-{secrets.token_hex(4)}"


@pytest.fixture
def compose(docker: DockerClient, image: str, port: int, project: str) -> Iterator[Compose]:
    command = [*compose_command(), "--project-name", project]
    in_processes = docker.images.get(image).labels.get("taskguard.functions") == "processes"
    environment = {
        **os.environ,
        "LOCALSTACK_IMAGE": image,
        "LOCALSTACK_PORT": str(port),
        "DOCKER_SOCKET": "/dev/null" if in_processes else "/var/run/docker.sock",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*command, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    run("down", "--volumes")


def test_a_task_completes_on_it_and_nothing_is_left(
    docker: DockerClient, compose: Compose, port: int, project: str
) -> None:
    compose("up", "--detach")
    ours = {"label": f"com.docker.compose.project={project}"}
    (container,) = docker.containers.list(filters=ours)

    def health() -> str:
        container.reload()
        return str(container.attrs["State"]["Health"]["Status"])

    wait_for(lambda: health() == "healthy", seconds=90)
    assert [each for each in container.ports.values() if each] == [[{"HostIp": "127.0.0.1", "HostPort": str(port)}]]

    endpoint = Endpoint(target="docker", url=f"http://127.0.0.1:{port}", region=DEFAULT_REGION)
    stack = deployment.deploy(endpoint, "dev", places=PLACES, parameters={"failureRate": "0"})
    assert stack.work_queue.url.startswith(f"http://127.0.0.1:{port}/")
    client = HttpClient(stack.api_url)
    assert client.post(json.dumps({"taskId": "composed", "payload": {"n": 1}})).status_code == 202
    wait_for(lambda: client.get("composed").json()["status"] == "COMPLETED", seconds=60)

    compose("down", "--volumes")
    assert docker.containers.list(all=True, filters=ours) == []
    assert docker.volumes.list(filters=ours) == []
    assert docker.networks.list(filters=ours) == []
