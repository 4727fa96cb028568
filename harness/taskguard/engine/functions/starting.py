"""How functions of this engine are started: in a sandbox or not, as the engine's settings say."""

from taskguard.engine.functions.keepers import keepers
from taskguard.engine.functions.launch import Folders, Function, Launch
from taskguard.engine.functions.runtimes import language_of, launch_of
from taskguard.engine.functions.sandbox import fork_server_in_box, launch_in_box
from taskguard.engine.settings import EngineSettings, FunctionRuntime


def load_fork_servers(runtime: FunctionRuntime, endpoint: str) -> None:
    """Have what processes of this runtime are forked from load, while other things go on."""
    settings = EngineSettings.from_environment()
    if settings.sandboxed:
        server = fork_server_in_box(runtime, endpoint, settings.clock_file, settings.packages)
    else:
        server = language_of(runtime).fork_server(runtime, endpoint, settings.clock_file)
    if server is not None:
        keepers(None, (), server)


def launch_here(function: Function, folders: Folders) -> Launch:
    """All that the function's process is started with on this engine.

    Raises:
        SandboxError: the interpreter cannot be shown without files of the user's.
    """
    settings = EngineSettings.from_environment()
    return launch_in_box(function, folders, settings.packages) if settings.sandboxed else launch_of(function, folders)
