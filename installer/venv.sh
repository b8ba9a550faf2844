#!/bin/sh
# Makes .venv with the Python it is given; on Debian, as root, fetches what `python3 -m venv` needs.
set -eu
python=${1:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Flowork needs Python 3.11 or newer as $python. Name another one with: make PYTHON=/path/to/python3" >&2
    exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    else
        echo "This Python cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv" >&2
        exit 1
    fi
fi
"$python" -m venv .venv
