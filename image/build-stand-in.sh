#!/usr/bin/env bash
# Builds the stand-in for LocalStack's public image where no image registry can be reached: the same LocalStack release on
# a base of Debian packages, with functions run as processes. Quick when nothing changed. Needs root, Linux on Debian's
# packages (debootstrap), Docker, and what `make setup` installs. Debian's mirror and the package index are those that
# this machine is set up for; nothing of either stays in the image.
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=taskguard/localstack-stand-in:4.13.1
BASE=taskguard/stand-in-base
# Debian 13, whose Python is the functions' own: 3.13.
SUITE=trixie
PACKAGES=python3,ca-certificates,curl
UV=${VENV:-.venv}/bin/uv
PYTHON=${VENV:-.venv}/bin/python

fail() { printf 'build-stand-in: %s\n' "$1" >&2; exit 2; }
say() { printf '%s (%s s so far)\n' "$1" "$SECONDS"; }

[ "$(uname)" = Linux ] || fail "this is $(uname); the image is built on Linux only."
[ "$(id -u)" = 0 ] || fail "debootstrap needs root; run it with sudo."
[ -x "$UV" ] || fail "$UV is not there. Run \`make setup\` first."
for tool in docker debootstrap; do
    command -v "$tool" >/dev/null || fail "$tool is not installed. On Debian: apt-get install docker.io debootstrap"
done
timeout 20 docker version >/dev/null 2>&1 || fail "no Docker daemon answers. Start one (\`dockerd &\`), or set DOCKER_HOST."

scratch=$(mktemp -d)
clean_up() {
    # An interrupted debootstrap leaves these mounted.
    umount "$scratch/tree/proc" "$scratch/tree/sys" 2>/dev/null || true
    rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

has() { [ "$(docker image inspect --format "{{index .Config.Labels \"taskguard.inputs\"}}" "$1" 2>/dev/null)" = "$2" ]; }

mirror() {
    local found=${DEBIAN_MIRROR:-}
    [ -n "$found" ] || found=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Label: Debian' | sed -n 1p)
    [ -n "$found" ] || fail "apt knows no Debian mirror. Run \`apt-get update\`, or set DEBIAN_MIRROR."
    printf '%s' "$found"
}

make_base() {
    local root=$scratch/tree from
    from=$(mirror)
    debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$root" "$from" >"$scratch/log" 2>&1 || {
        tail -n 15 "$scratch/log" >&2
        fail "debootstrap could not make a base of $SUITE; the end of what it said is above."
    }
    # The machine's own addresses, and what nobody reads in a container.
    rm -rf "$root"/etc/{apt/sources.list*,resolv.conf,hostname} "$root"/var/{cache/apt,lib/apt/lists,log}/* \
        "$root"/usr/share/{doc,man,info,locale,lintian}/*
    tar --create --numeric-owner --directory "$root" . |
        docker import --change "LABEL taskguard.inputs=$1" --change "ENV LANG=C.UTF-8" - "$BASE:$SUITE" >/dev/null
}

install_into() {
    local folder=$1
    shift
    "$UV" pip install --quiet --python "$PYTHON" --python-version 3.13 --python-platform "$(uname -m)-unknown-linux-gnu" \
        --target "$folder" "$@"
    rm -rf "$folder"/bin "$folder"/.lock
}

digest() { sha256sum | cut -c 1-16; }

base_inputs=$({ printf '%s %s %s' "$SUITE" "$PACKAGES" "$(uname -m)"; declare -f make_base; } | digest)
sources=$(find harness -type f -not -name '*.pyc' | LC_ALL=C sort)
inputs=$({
    printf '%s' "$base_inputs"
    # shellcheck disable=SC2086  # one name a word
    cat image/Dockerfile image/build-stand-in.sh pyproject.toml $sources
} | digest)
if has "$IMAGE" "$inputs"; then
    say "$IMAGE is up to date"
    exit
fi

if ! has "$BASE:$SUITE" "$base_inputs"; then
    say "Making a base of Debian's packages"
    make_base "$base_inputs"
    say "Made it"
fi
context=$scratch/context
say "Installing LocalStack for it"
install_into "$context/packages" --require-hashes -r harness/taskguard/data/engine.txt
install_into "$context/functions" --require-hashes -r harness/taskguard/data/lambda-runtime.txt
"$UV" pip install --quiet --python "$PYTHON" --no-deps --no-build-isolation --target "$context/taskguard" .
rm -rf "$context"/taskguard/{bin,.lock} "$context"/taskguard/taskguard-*.dist-info/{direct_url,uv_cache}.json
# The entry points through which LocalStack finds the engine's parts; elsewhere the target shows them to the engine.
cp -r harness/taskguard/engine/distribution "$context"/taskguard/taskguard_engine-1.dist-info
cp image/Dockerfile "$context"
say "Building $IMAGE"
before=$(docker image inspect --format '{{.Id}}' "$IMAGE" 2>/dev/null || true)
docker build --quiet --tag "$IMAGE" --build-arg "BASE=$BASE:$SUITE" --build-arg "INPUTS=$inputs" "$context" \
    >"$scratch/log" 2>&1 || {
    tail -n 30 "$scratch/log" >&2
    fail "docker build failed; the end of what it said is above."
}
# Fails when a container still runs from it; then it goes with the next build.
[ -z "$before" ] || docker rmi "$before" >/dev/null 2>&1 || true
size=$(docker image inspect --format '{{.Size}}' "$IMAGE")
say "Built $IMAGE, $((size / 1000000)) MB"
