"""The page that draws the packages draws what `make lint` holds, and each package is there."""

import re
import tomllib

from tests.places import PROJECT

PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = PROJECT / "harness" / "taskguard"


def test_the_packages_stand_in_the_order_that_is_held() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    layers, _ = settings["tool"]["importlinter"]["contracts"]
    held = [name.strip() for layer in layers["layers"] for name in layer.split("|")]
    drawn = re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)
    assert drawn == held


def test_the_engine_s_packages_are_all_there() -> None:
    drawn = re.findall(r"^\| `engine/([a-z]+)` \|", PAGE, re.MULTILINE)
    assert sorted(drawn) == sorted(path.parent.name for path in (PACKAGE / "engine").glob("*/__init__.py"))
