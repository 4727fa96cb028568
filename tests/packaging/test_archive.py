"""The archive: the handlers and their dependencies for Lambda, nothing else, and the same to the byte whoever makes it."""

from __future__ import annotations

import ast
import base64
import hashlib
import re
import stat
import sys

from tests.packaging.support import Package
from tests.places import PROJECT


def test_archive_holds_the_handlers_and_their_dependencies_and_nothing_else(default: Package) -> None:
    tops = {name.partition("/")[0] for name in default.files}
    assert tops == {"handlers", "aws_lambda_powertools", "jmespath", "typing_extensions.py"}
    packaged = {name for name in default.files if name.startswith("handlers/")}
    assert packaged == {f"handlers/{path.name}" for path in (PROJECT / "handlers").glob("*.py")}


def test_archive_holds_no_leftovers_of_building_or_testing(default: Package) -> None:
    leftover = re.compile(r"\.pyc$|__pycache__|\.dist-info|(^|/)(tests?|bin|harness|boto3|botocore|s3transfer)/")
    assert [name for name in default.files if leftover.search(name)] == []
    assert len(default.files) == len(set(default.files))


def test_binaries_are_for_lambdas_platform_alone(default: Package) -> None:
    binaries = [name for name in default.files if re.search(r"\.(so|pyd|dylib|dll)(\.|$)", name)]
    assert [name for name in binaries if not re.search(r"(cpython-313-x86_64-linux-gnu|abi3)\.so$", name)] == []


def test_archive_is_small(default: Package) -> None:
    assert default.archive.stat().st_size < 3_000_000


def test_everybody_may_read_all_files_and_nobody_runs_them(default: Package, packaged_elsewhere: Package) -> None:
    for package in (default, packaged_elsewhere):
        modes = {stat.filemode(entry.external_attr >> 16) for entry in package.entries}
        assert modes == {"-rw-r--r--"}


def test_two_packagings_are_the_same_to_the_byte(default: Package, packaged_elsewhere: Package) -> None:
    assert code_sha256(default) == code_sha256(packaged_elsewhere)


def test_two_templates_differ_in_the_time_of_packaging_alone(default: Package, packaged_elsewhere: Package) -> None:
    assert without_time(default) == without_time(packaged_elsewhere)
    # It would be there if functions had versions, and then be the archive's own.
    assert "CodeSha256" not in default.template_text


def test_handlers_import_nothing_of_the_harness() -> None:
    allowed = {"handlers", "aws_lambda_powertools", "boto3", "botocore", "mypy_boto3_dynamodb", "mypy_boto3_sqs"}
    for path in (PROJECT / "handlers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.partition(".")[0]
                assert top in allowed or top in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_dependencies_are_locked_by_hash_and_name_no_registry() -> None:
    text = (PROJECT / "handlers/requirements.txt").read_text()
    assert "://" not in text
    assert "boto" not in text
    pinned = re.findall(r"^[a-z].*$", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9-]+==[0-9.]+ \\\n    --hash=sha256:", text, re.MULTILINE)) > 0


def code_sha256(package: Package) -> str:
    """What Lambda will call the archive."""
    return base64.b64encode(hashlib.sha256(package.archive.read_bytes()).digest()).decode()


def without_time(package: Package) -> str:
    """The template without the upload's folder and the deployment's name, which the CLI makes from the time."""
    text = re.sub(r"(serverless/TaskGuard/\w+)/\d+-[0-9TZ:.-]+/", r"\1/", package.template_text)
    return re.sub(r"ApiGatewayDeployment\d+", "ApiGatewayDeployment", text)
