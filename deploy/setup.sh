#!/bin/sh
# Makes .venv from the lock and installs this project in it; does nothing when both are current. `make setup` calls it.
# $1: a Python to use, or nothing. Paths are relative on purpose: the folder may have a space in its name.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.ready

# What the environment was made from: the lock, what pip reads of this project, and the folder, because scripts in a
# virtual environment carry its absolute path and break when it is moved.
fingerprint() {
    { cat requirements/dev.txt pyproject.toml; pwd; printf '%s\n' "$1"; } | cksum
}

if [ -f "$stamp" ] && [ -x .venv/bin/draad ] && [ "$(cat "$stamp")" = "$(fingerprint "$1")" ] && .venv/bin/python -c ''; then
    exit 0
fi

usable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=
incomplete=
for candidate in ${1:+"$1"} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if usable "$candidate"; then
        if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            python=$candidate
            break
        fi
        incomplete=$candidate
    elif [ -n "$1" ]; then
        echo "make setup: $1 is not a Python 3.11 or newer. Name another: make setup PYTHON=/path/to/python3" >&2
        exit 1
    fi
done

if [ -z "$python" ]; then
    if [ -n "$incomplete" ]; then
        echo "make setup: $incomplete cannot make virtual environments (no venv or ensurepip)." >&2
        echo "On Debian or Ubuntu: apt-get install python3-venv. Then run the same command again." >&2
    else
        echo "make setup: no Python 3.11 or newer found (tried python3, python3.14 … python3.11, python)." >&2
        echo "Install one (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv; macOS: brew install python@3.12)," >&2
        echo "or name one that you have: make setup PYTHON=/path/to/python3" >&2
    fi
    exit 1
fi

echo "Setting up .venv with $("$python" --version) (once; a minute on a slow line)"
rm -rf .venv
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
# Dependencies stand in the lock, setuptools too: nothing more may be fetched here.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
fingerprint "$1" > "$stamp"
echo "Ready: .venv/bin/draad"
