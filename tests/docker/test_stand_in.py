"""What is in the stand-in image, and what is not: nothing tells where its packages came from."""

from __future__ import annotations

import pytest
from docker import DockerClient
from docker.models.images import Image

# Addresses, and the files in which package managers keep them; what packages say of themselves is left aside.
ADDRESSES = r"""
find / -xdev \( -name 'sources.list*' -o -name '*.sources' -o -name 'pip.conf' -o -name 'uv.toml' -o -name '.netrc' \
    -o -name 'direct_url.json' -o -name 'uv_cache.json' -o -name 'apt.conf' -o -path '/var/lib/apt/lists/*_*' \) -print
"""


@pytest.fixture
def stand_in(docker: DockerClient, image: str) -> Image:
    found = docker.images.get(image)
    if found.labels.get("taskguard.functions") != "processes":
        pytest.skip("this is not the stand-in")
    return found


def said_by(docker: DockerClient, image: Image, command: str) -> str:
    output = docker.containers.run(image.id, entrypoint=["sh", "-c", command], remove=True, network_disabled=True)
    return str(output.decode()).strip()


def test_no_file_of_it_names_a_mirror_or_an_index(docker: DockerClient, stand_in: Image) -> None:
    assert said_by(docker, stand_in, ADDRESSES) == ""


def test_its_settings_and_history_name_none_either(stand_in: Image) -> None:
    assert {each.split("=")[0] for each in stand_in.attrs["Config"]["Env"]} == {"PATH", "LANG"}
    assert not any(
        "://" in layer["CreatedBy"] for layer in stand_in.history() if "HEALTHCHECK" not in layer["CreatedBy"]
    )


def test_functions_run_on_lambdas_own_python_with_its_libraries(docker: DockerClient, stand_in: Image) -> None:
    assert said_by(docker, stand_in, "python3 --version").startswith("Python 3.13.")
    libraries = said_by(docker, stand_in, "ls /opt/taskguard/functions").split()
    assert {"awslambdaric", "boto3"} <= set(libraries)
    assert "localstack" not in libraries
