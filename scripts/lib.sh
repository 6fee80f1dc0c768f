# Shared by the scripts of this directory; to be sourced from the root of the checkout.
# shellcheck shell=bash

# Airflow starts three times faster when Python may keep its compiled files.
unset PYTHONDONTWRITEBYTECODE
# Somebody else's packages or virtual environment must not leak into ours.
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1

VENV_PYTHON=$PWD/.venv/bin/python

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

failed=()

# Run a program of .venv; go on if it fails, and let report_failures tell.
check() {
    say "$*"
    ".venv/bin/$1" "${@:2}" || failed+=("$1")
}

# Run the checks that are named, or all: run_checks lint types
run_checks() {
    local part parts=("$@")
    (($#)) || parts=(lint format types contracts)
    for part in "${parts[@]}"; do
        case $part in
            lint) check ruff check ;;
            format) check ruff format --check ;;
            types) check mypy ;;
            contracts) check lint-imports --no-logo ;;
            *) fail "there is no check '$part': there are lint, format, types and contracts" ;;
        esac
    done
}

report_failures() {
    if ((${#failed[@]})); then
        fail "failed: ${failed[*]}"
    fi
}

# Install this package into .venv with what requirements/$1.txt names, and do nothing when that is already so.
#   install demo    what the example needs
#   install test    what the tests need
install() {
    make_venv
    local lock=requirements/$1.txt stamp=$PWD/.venv/installed-$1 wanted
    wanted=$(printf '%s\n' "$PWD" "$("$VENV_PYTHON" -V)" "$(cat pyproject.toml "$lock" | cksum)")
    if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then
        return
    fi
    say "Installing into .venv (the first time takes a few minutes)"
    # Each file has the hash that the lock names, or is refused. The lock is complete, and has the build tools too.
    "$VENV_PYTHON" -m pip install --quiet --no-input --require-hashes --no-deps --requirement "$lock"
    "$VENV_PYTHON" -m pip install --quiet --no-input --no-deps --no-build-isolation --editable .
    printf '%s\n' "$wanted" >"$stamp"
}

make_venv() {
    if "$VENV_PYTHON" -m pip --version >/dev/null 2>&1; then
        return
    fi
    local python=${PYTHON:-python3}
    check_python "$python"
    say "Making .venv with $("$python" -V)"
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv --clear .venv
    else
        "$python" -m venv --clear --without-pip .venv
        install_pip_of_the_distribution
    fi
}

check_python() {
    local version
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
        fail "$1 does not run. Install Python 3.10 - 3.13, or name one: PYTHON=/path/to/python3 $0"
    case $version in
        3.10 | 3.11 | 3.12 | 3.13) ;;
        *) fail "$1 is Python $version; 3.10 - 3.13 are supported. Name another: PYTHON=/path/to/python3 $0" ;;
    esac
}

# Debian and Ubuntu split ensurepip off into python3-venv. Its wheel of pip can be had without being root.
install_pip_of_the_distribution() {
    local dir wheels
    dir=$(mktemp -d)
    if ! (cd "$dir" && download_package python3-pip-whl) >"$dir/log" 2>&1; then
        cat "$dir/log" >&2
        rm -rf "$dir" .venv
        fail "This Python cannot make a virtual environment with pip. Install it: apt-get install python3-venv"
    fi
    dpkg-deb --extract "$dir"/python3-pip-whl_*.deb "$dir/root"
    wheels=("$dir"/root/usr/share/python-wheels/pip-*.whl)
    "$VENV_PYTHON" "${wheels[0]}/pip" install --quiet --no-index "${wheels[0]}"
    rm -rf "$dir"
}

# Download a package of the distribution into the working directory, with package lists of our own
# when the system's are missing or too old.
download_package() {
    local apt=(apt-get -o "Dir::State::Lists=$PWD/lists" -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User=root)
    mkdir -p lists/partial cache/archives/partial
    apt-get download "$1" || { "${apt[@]}" update && "${apt[@]}" download "$1"; }
}

# Install packages of the distribution. They would start their services; the tests only want the programs.
install_packages() {
    say "Installing $* from the distribution"
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --yes --no-install-recommends --no-remove "$@" </dev/null
}
