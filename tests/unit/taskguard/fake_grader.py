"""Stands for ``taskguard grade`` in a gradebook's tests: what a submission's ``behaves`` says comes about.

It is run as a program, so it may import nothing that takes long.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    service, out = Path(sys.argv[1]), Path(sys.argv[sys.argv.index("--out") + 1])
    out.mkdir(parents=True)
    with (service.parent / "begun.txt").open("a") as begun:
        begun.write(f"{service.name} {' '.join(sys.argv[2:])}\n")
    behaves, _, rest = (service / "behaves").read_text().partition(" ")
    if behaves == "graded":
        shutil.copytree(rest, out, dirs_exist_ok=True)
        return 0
    if behaves == "fails":
        error, _, message = rest.partition(" ")
        (out / "not-made.json").write_text(
            json.dumps({"error": error, "message": message.replace("FOLDER", str(service)).replace("OUT", str(out))})
        )
        return 3
    if behaves == "tells":
        sys.stdout.write(f"{[os.environ.get(name, 'nothing') for name in rest.split()]}\n")
        return 3
    if behaves == "crashes":
        sys.stdout.write("it was here\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if behaves == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # What has a session of its own is no part of the process group.
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        sys.stdout.write(
            "Submitting to http://127.0.0.1:4571/_aws/execute-api/a1b2c3/dev\n  1/30 submitted\n  fails already: x\n"
        )
        sys.stdout.flush()
        (service.parent / f"{service.name}.pids").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
