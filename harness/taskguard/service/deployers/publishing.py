"""Puts what a template refers to where the engine finds it: folders as archives, files as they are, in a bucket of the engine's S3.

An archive has the same bytes whenever and wherever it is made of the same files. It must not know what an archive is of.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from taskguard.targets.base import Endpoint

CODE_BUCKET = "taskguard-code"
"""Where the packages lie of templates that name no bucket."""

_FAST = 1
"""It is unpacked on this machine, right after: size matters little."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 16
"""Where an archive keeps a file's mode, in bits: https://docs.python.org/3/library/zipfile.html#zipfile.ZipInfo.external_attr"""
_NEVER_PACKED = frozenset({".aws-sam", ".git", "__pycache__"})
_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the engine, made where there is none of this name."""

    endpoint: Endpoint
    name: str = CODE_BUCKET

    def make(self) -> None:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html: this region must not be named.
        region = self.endpoint.region
        where = {} if region == _DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with suppress(self._s3.exceptions.BucketAlreadyOwnedByYou):
            self._s3.create_bucket(Bucket=self.name, **where)

    def put(self, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=self.name, Key=key, Body=body)

    def has(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchBucket", "NoSuchKey"):
                return False
            raise
        return True

    def keep(self, body: bytes, ending: str) -> str:
        """Put it there under a name that is its digest's; the key."""
        key = f"{hashlib.sha256(body).hexdigest()}{ending}"
        self.put(key, body)
        return key

    @property
    def _s3(self):  # type: ignore[no-untyped-def]  # boto3's own, of a service without stubs here
        return self.endpoint.client("s3")


def archive_of(path: Path) -> bytes:
    """The files of a folder, or one file, as a ZIP archive."""
    files = _files_below(path) if path.is_dir() else iter([(path.name, path)])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, file in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = (file.stat().st_mode & 0xFFFF) << _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes(), compresslevel=_FAST)
    return packed.getvalue()


def _files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file with its name below the folder, links followed where they stay in it, in the order of the names."""
    inside, found = folder.resolve(), []
    for place, below, names in os.walk(folder, followlinks=True):
        # A link upwards would be followed for ever, and one that leads elsewhere takes along what is nobody's business.
        below[:] = [each for each in below if each not in _NEVER_PACKED and _stays(Path(place, each), inside)]
        for file in (Path(place, name) for name in names):
            if file.is_file() and file.suffix != ".pyc" and inside in file.resolve().parents:
                found.append((file.relative_to(folder).as_posix(), file))
    yield from sorted(found)


def _stays(folder: Path, inside: Path) -> bool:
    if not folder.is_symlink():
        return True
    target = folder.resolve()
    return (
        inside in target.parents and target not in folder.absolute().parents and target not in folder.resolve().parents
    )
