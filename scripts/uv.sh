# Shared by the scripts that make other virtual environments or the locks; to be sourced after lib.sh.
# shellcheck shell=bash

# Run uv, the newest one: what it installs is chosen on the day, and not what the locks hold.
uv() {
    "$VENV_PYTHON" -m uv --version >/dev/null 2>&1 || "$VENV_PYTHON" -m pip install --quiet --no-input uv
    "$VENV_PYTHON" -m uv --quiet "$@"
}
