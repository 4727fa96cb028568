"""Where npm, pip and uv get packages from, as this user has set it: what an install in a sandbox has to be told, and nothing else.

The user's settings are not handed in as they are: beside a registry's address they may hold passwords for publishing, and what is
installed may be able to read what npm can. A registry's own password goes along, since without it nothing can be installed from there;
never one for the public registries, which ask for none.
"""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_PIP = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "cert",
    "proxy",
    "timeout",
    "default-timeout",
)
_UV = (
    "INDEX_URL",
    "EXTRA_INDEX_URL",
    "DEFAULT_INDEX",
    "INDEX",
    "FIND_LINKS",
    "INSECURE_HOST",
    "HTTP_TIMEOUT",
    "NATIVE_TLS",
)
_NPM = (
    "registry",
    "proxy",
    "https-proxy",
    "noproxy",
    "cafile",
    "ca",
    "strict-ssl",
    "fetch-timeout",
    "fetch-retries",
    "maxsockets",
)
_KEPT = {
    *_FILES,
    *_PROXIES,
    *(f"PIP_{name.upper().replace('-', '_')}" for name in _PIP),
    *(f"UV_{name}" for name in _UV),
}
_ASK_FOR_NO_PASSWORD = (
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "npm.pkg.github.com",
    "pypi.org",
    "upload.pypi.org",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """``variables`` are for the environment, ``npmrc`` is what npm's user settings are to be, and ``files`` are files and folders that these
    name."""

    variables: Mapping[str, str]
    npmrc: str
    files: tuple[str, ...]


def registries(
    environment: Mapping[str, str] = os.environ, home: Path | None = None, system: Path = Path("/etc")
) -> Registries:
    """This user's."""
    home = home or Path(environment.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111  # a user may have none
    variables = {
        **_of_pip(environment, home, system),
        **_of_uv(environment, home, system),
        **{name: value for name, value in environment.items() if _is_kept(name)},
    }
    npmrc = dict(_of_npm(environment, home, system))
    told = [*variables.values(), npmrc.get("cafile", "")]
    files = {word for value in told for word in map(_path_of, value.split()) if word}
    return Registries(
        variables=variables,
        npmrc="".join(f"{key}={value}\n" for key, value in npmrc.items()),
        files=tuple(sorted(files)),
    )


def _is_kept(name: str) -> bool:
    if name.upper() in _KEPT:
        return True
    key = name.lower().removeprefix("npm_config_").replace("_", "-")
    return name.lower().startswith("npm_config_") and _is_address(key)


def _is_address(key: str) -> bool:
    return key in _NPM or (key.startswith("@") and key.endswith(":registry"))


def _of_npm(environment: Mapping[str, str], home: Path, system: Path) -> Iterator[tuple[str, str]]:
    by_name = {name.lower(): value for name, value in environment.items()}
    user = by_name.get("npm_config_userconfig")
    places = (by_name.get("npm_config_globalconfig") or system / "npmrc", user or home / ".npmrc")
    found = [pair for place in places for pair in _lines_of(Path(place), environment)]
    addresses = [value for key, value in found if key == "registry" or _is_address(key)]
    addresses += [
        value for name, value in by_name.items() if name.startswith("npm_config_") and name.endswith("registry")
    ]
    hosts = {urlsplit(address).hostname for address in addresses} - {*_ASK_FOR_NO_PASSWORD, None}
    for key, value in found:
        # A password is kept as //<host>/<path>/:<kind>.
        if _is_address(key) or (key.startswith("//") and urlsplit(key.rpartition(":")[0]).hostname in hosts):
            yield key, value


def _lines_of(file: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    with suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.lstrip().startswith((";", "#")):
                # https://docs.npmjs.com/cli/configuring-npm/npmrc: ${NAME} is of the environment.
                told = re.sub(r"\$\{([^}?]+)\??\}", lambda name: environment.get(name[1], ""), value.strip())
                yield key.strip(), told.strip('"')


def _of_pip(environment: Mapping[str, str], home: Path, system: Path) -> dict[str, str]:
    config = environment.get("XDG_CONFIG_HOME") or home / ".config"
    places = (system / "pip.conf", home / ".pip" / "pip.conf", Path(config, "pip", "pip.conf"))
    named = environment.get("PIP_CONFIG_FILE")
    found = configparser.RawConfigParser(strict=False)
    with suppress(configparser.Error, UnicodeDecodeError):
        found.read([*map(str, places), *([named] if named else [])])
    return {
        f"PIP_{name.upper().replace('-', '_')}": " ".join(found[section][name].split())
        for section in ("global", "install")
        if found.has_section(section)
        for name in _PIP
        if name in found[section]
    }


def _of_uv(environment: Mapping[str, str], home: Path, system: Path) -> dict[str, str]:
    config = environment.get("XDG_CONFIG_HOME") or home / ".config"
    told: dict[str, str] = {}
    for place in (system / "uv" / "uv.toml", Path(config, "uv", "uv.toml")):
        with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            document = tomllib.loads(place.read_text(encoding="utf-8"))
            for table in (document, document.get("pip", {})):
                told |= dict(_indexes(table))
    return told


def _indexes(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("index-url", "extra-index-url", "find-links"):
        if name in table:
            yield f"UV_{name.upper().replace('-', '_')}", _joined(table[name])
    listed = [each for each in table.get("index", ()) if isinstance(each, Mapping) and "url" in each]
    if default := [str(each["url"]) for each in listed if each.get("default")]:
        yield "UV_DEFAULT_INDEX", default[0]
    if others := [str(each["url"]) for each in listed if not each.get("default")]:
        yield "UV_INDEX", _joined(others)


def _joined(value: str | Iterable[str]) -> str:
    return value if isinstance(value, str) else " ".join(map(str, value))


def _path_of(word: str) -> str:
    """The file or folder that a word of a setting names, if it names one of this machine."""
    path = Path(urlsplit(word).path if word.startswith("file:") else word)
    if not path.is_absolute() or not path.exists():
        return ""
    # The pages of an index name files beside it, too.
    above = path.parent
    is_index = word.startswith("file:") and path.is_dir() and not Path("~").expanduser().is_relative_to(above)
    return str(above if is_index else path)
