#!/bin/sh
# Makes .venv from the lock and installs this project in it; does nothing when both are current. `make setup` calls it.
# $1: a Python to use, or nothing. Paths are relative on purpose: the folder may have a space in its name.
set -eu
cd "$(dirname "$0")/.."

wanted=${1:-}

# The folder counts too: scripts in a virtual environment carry its absolute path and break when it is moved.
locked=$({ cat requirements/dev.txt; pwd; } | cksum)
project=$(cksum < pyproject.toml)

is() { # is FILE VALUE: does the stamp say so?
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

usable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    incomplete=
    for candidate in ${wanted:+"$wanted"} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if usable "$candidate"; then
            if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
                python=$candidate
                return
            fi
            incomplete=$candidate
        fi
        if [ -n "$wanted" ]; then
            break
        fi
    done
    {
        if [ -n "$incomplete" ]; then
            echo "make setup: $incomplete cannot make virtual environments (it has no venv or ensurepip)."
            echo "On Debian or Ubuntu: apt-get install python3-venv. Then give the same command again."
        elif [ -n "$wanted" ]; then
            echo "make setup: $wanted is not a Python 3.11 or newer."
            echo "Name another (make setup PYTHON=/path/to/python3), or none: then it looks for one itself."
        else
            echo "make setup: there is no Python 3.11 or newer here (tried python3, python3.14 to python3.11, python)."
            echo "Install one (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv; macOS: brew install python@3.12),"
            echo "or name one that you have: make setup PYTHON=/path/to/python3"
        fi
    } >&2
    exit 1
}

pip() {
    .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"
}

if ! is .venv/.locked "$locked" || ! .venv/bin/python -c '' 2>/dev/null ||
    { [ -n "$wanted" ] && ! is .venv/.python "$wanted"; }; then
    find_python
    echo "Setting up .venv with $("$python" --version), once; a minute or so."
    rm -rf .venv
    "$python" -m venv .venv
    pip install --require-hashes --requirement requirements/dev.txt
    echo "$python" > .venv/.python
    echo "$locked" > .venv/.locked
fi

if ! is .venv/.project "$project" || ! [ -x .venv/bin/draad ]; then
    # Dependencies stand in the lock, setuptools too: nothing more may be fetched here.
    pip install --no-index --no-deps --no-build-isolation --editable .
    echo "$project" > .venv/.project
    echo "Ready: .venv/bin/draad"
fi
