#!/bin/sh
# Submits 30 tasks to the stack that .env names (`taskguard up` writes it), and reports what became of them.
# Where the API wants a key, it is asked for by its id; nobody need know it.
# Usage: ./check_pipeline.sh [number of tasks]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tasks=${1:-30}

if [ ! -x "$here/.venv/bin/taskguard" ]; then
    echo "check_pipeline.sh: TaskGuard is not set up here. Run \`make setup\` first." >&2
    exit 3
fi
if [ ! -f "$here/.env" ]; then
    echo "check_pipeline.sh: there is no .env, so no stack to check. Run \`make up\` first; env.example shows its keys." >&2
    exit 3
fi
exec "$here/.venv/bin/taskguard" grade "$here" --target running --tasks "$tasks"
