"""What these tests have of the unit tests': the tool on the path, and the command line in a folder apart."""

from tests.unit.conftest import the_tool_is_on_the_path
from tests.unit.taskguard.conftest import taskguard

__all__ = ["taskguard", "the_tool_is_on_the_path"]
