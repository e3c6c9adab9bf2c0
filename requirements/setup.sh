#!/bin/sh
# Makes .venv/, or heals it, and does nothing, offline, when it is current. Run by make.
# It never installs what requirements/dev.txt does not name with its hash.
# PYTHON=… chooses the interpreter; else the first capable one of python3, python3.13 … is used.
set -eu
cd "$(dirname "$0")/.."

die() {
    echo "set-up: $*" >&2
    exit 1
}

[ "$(uname -s)" = Linux ] || die "this runs on Linux only, and here is $(uname -s)"

# One set-up at a time; the lock ends with this process.
if command -v flock >/dev/null; then
    exec 9<requirements/dev.txt
    flock 9
fi

# The exact version if the interpreter runs and is new enough; a code otherwise.
version() {
    "$1" -c 'import sys; print(*sys.version_info[:3], sep="."); sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null
}

# Current means: finished, running, of the version asked for, and made from these very files here.
key=$({ pwd; cat requirements/dev.txt requirements/setup.sh pyproject.toml; } | sha256sum)
is_sound() {
    [ ! -e .venv/unfinished ] && have=$(version .venv/bin/python) &&
        { [ -z "${PYTHON:-}" ] || [ "$have" = "$(version "$PYTHON")" ]; }
}
is_current() { is_sound && [ "$key" = "$(cat .venv/current 2>/dev/null)" ]; }
if is_current; then exit 0; fi

uv=
if uv --version >/dev/null 2>&1; then uv=yes; fi

# Sets `chosen`, or `problem` with what the first interpreter that was found lacks.
chosen=
problem=
consider() {
    found=$(version "$1") || {
        [ -n "$problem" ] || [ -z "$found" ] ||
            problem="$1 is Python $found, and Python 3.11 or newer is needed"
        return 1
    }
    if [ -n "$uv" ] || "$1" -c 'import ensurepip, venv' 2>/dev/null; then
        chosen=$1
    else
        problem="$1 has no ensurepip: install the package python${found%.*}-venv, or uv"
        return 1
    fi
}

if ! is_sound; then
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        if consider "$candidate" || [ -n "${PYTHON:-}" ]; then break; fi
    done
    [ -n "$chosen" ] ||
        die "${problem:-${PYTHON:-python3} does not run, and Python 3.11 or newer is needed}"
    echo "set-up: making .venv with Python $found" >&2
    rm -rf .venv
    mkdir .venv
    : >.venv/unfinished
    if [ -n "$uv" ]; then
        uv venv --quiet --allow-existing --python "$chosen" .venv || die "uv venv failed"
    else
        "$chosen" -m venv .venv || die "$chosen -m venv failed"
    fi
fi

if [ -n "$uv" ]; then
    install() { uv pip install --quiet --python .venv/bin/python "$@"; }
elif .venv/bin/python -m pip --version >/dev/null 2>&1 ||
    .venv/bin/python -m ensurepip >/dev/null 2>&1; then
    install() { .venv/bin/python -m pip install -qq --no-input --disable-pip-version-check "$@"; }
else
    die ".venv has no pip, and there is no uv: remove .venv and try again"
fi

# A set-up that was cut off leaves `unfinished` and starts anew; one that was refused, say for want
# of a network, can go on later.
refused() {
    [ "$1" -gt 128 ] || rm -f .venv/unfinished
    die "$2"
}
echo "set-up: installing requirements/dev.txt into .venv" >&2
rm -f .venv/current
: >.venv/unfinished
install --require-hashes -r requirements/dev.txt ||
    refused $? "requirements/dev.txt could not be installed (the first run needs the network)"
install --no-deps --no-build-isolation --editable . ||
    refused $? "the project could not be installed into .venv"
rm .venv/unfinished
echo "$key" >.venv/current
