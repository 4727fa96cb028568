"""A container listens on the loopback address alone, leaves its log, and is gone with whoever started it."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container
from taskguard.errors import TargetError
from taskguard.support.waiting import wait_for
from taskguard.targets.docker import DockerInstance, LocalStackInDocker
from taskguard.targets.process import listen_once
from taskguard.targets.registry import instance_from_json

from tests.engine.conftest import HEEDING_INTERRUPTS

pytestmark = pytest.mark.heavy

OWNER = """
import sys
from pathlib import Path
from taskguard.targets.docker import LocalStackInDocker

with LocalStackInDocker(Path(sys.argv[1]), sys.argv[2]) as engine:
{}
    engine.start()
    print(engine.running.to_json().replace("\\n", " "), flush=True)
    sys.stdin.read()
"""

KILLED_BEFORE_IT_IS_READY = """
    import os, signal
    from taskguard.targets import docker
    def killed(instance, _container):
        print(instance.name, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    docker._wait_until_ready = killed
"""

SOCKET = "/var/run/docker.sock"


def container_of(docker: DockerClient, instance: DockerInstance) -> Container | None:
    try:
        return docker.containers.get(instance.name)
    except NotFound:
        return None


def test_it_is_published_on_the_loopback_address_and_leaves_its_log(
    tmp_path: Path, image: str, docker: DockerClient
) -> None:
    with LocalStackInDocker(tmp_path, image) as engine:
        endpoint = engine.start()
        instance = engine.running
        container = container_of(docker, instance)
        assert container is not None
        published = [each for each in container.ports.values() if each]
        assert published == [[{"HostIp": "127.0.0.1", "HostPort": str(instance.port)}]]
        assert dict(endpoint.versions)["localstack"] == "4.13.1"
        processes_alone = container.image.labels.get("taskguard.functions") == "processes"
        assert (SOCKET in [mount["Destination"] for mount in container.attrs["Mounts"]]) is not processes_alone
    assert container_of(docker, instance) is None
    assert "Ready." in instance.log.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [instance.log.name]


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_containers_owner(
    tmp_path: Path, image: str, docker: DockerClient, death: signal.Signals
) -> None:
    owner = started(OWNER.format(""), tmp_path, image)
    assert owner.stdout is not None
    instance = instance_from_json(owner.stdout.readline())
    assert isinstance(instance, DockerInstance)
    assert instance.is_running()
    os.kill(owner.pid, death)
    owner.communicate()
    wait_for(lambda: container_of(docker, instance) is None, seconds=60)
    assert not instance.is_running()


def test_an_owner_killed_while_its_container_starts_leaves_nothing(
    tmp_path: Path, image: str, docker: DockerClient
) -> None:
    owner = started(OWNER.format(KILLED_BEFORE_IT_IS_READY), tmp_path, image)
    name, _ = owner.communicate(timeout=120)
    assert owner.returncode == -signal.SIGKILL
    assert name.startswith("taskguard-")
    wait_for(lambda: not list(tmp_path.glob("*.guarded")), seconds=60)
    assert docker.containers.list(all=True, filters={"name": name.strip()}) == []


def test_one_that_stays_outlives_its_owner(tmp_path: Path, image: str) -> None:
    engine = LocalStackInDocker(tmp_path, image)
    engine.start()
    instance = engine.running
    instance.stay()
    engine.leave_running()
    engine.stop()
    assert instance.is_running()
    instance.end()
    assert not instance.is_running()
    instance.end()


def test_a_port_that_is_taken_meanwhile_is_given_up(
    tmp_path: Path, image: str, docker: DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        offered = iter([taken.getsockname()[1], 0])
        monkeypatch.setattr("taskguard.targets.docker.claim_port", lambda *_: next(offered) or listen_once(0))
        with LocalStackInDocker(tmp_path, image) as engine:
            engine.start()
            assert engine.running.port != taken.getsockname()[1]
            (guarded,) = tmp_path.glob("*.guarded")
            assert guarded.stem == engine.running.name


def test_an_image_that_is_no_localstack_is_reported_with_its_log(
    tmp_path: Path, image: str, docker: DockerClient
) -> None:
    with (
        variant(docker, image, 'ENTRYPOINT ["sh", "-c", "echo no engine today; exit 7"]') as broken,
        LocalStackInDocker(tmp_path, broken) as engine,
        pytest.raises(TargetError) as refusal,
    ):
        engine.start()
    assert "ended with status 7" in str(refusal.value)
    assert "no engine today" in str(refusal.value)
    assert str(tmp_path / "engine.log") in str(refusal.value)


def test_functions_containers_are_taken_along(tmp_path: Path, image: str, docker: DockerClient) -> None:
    # As the public image is, for all that can be known of an image without the label.
    with (
        variant(docker, image, "LABEL taskguard.functions=containers") as unlabelled,
        LocalStackInDocker(tmp_path, unlabelled) as engine,
    ):
        engine.start()
        container = container_of(docker, engine.running)
        assert container is not None
        assert SOCKET in [mount["Destination"] for mount in container.attrs["Mounts"]]
        left_behind = docker.containers.create(image, labels={"taskguard.instance": engine.running.name})
    with pytest.raises(NotFound):
        left_behind.reload()


@contextmanager
def variant(docker: DockerClient, image: str, change: str) -> Iterator[str]:
    """The image with a change, under a name of its own."""
    name = f"taskguard/test-{secrets.token_hex(4)}"
    container = docker.containers.create(image)
    try:
        container.commit(name, "1", changes=change)
    finally:
        container.remove()
    try:
        yield f"{name}:1"
    finally:
        docker.images.remove(f"{name}:1")


def started(program: str, folder: Path, image: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*HEEDING_INTERRUPTS, sys.executable, "-c", program, str(folder), image],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
