#!/bin/sh
# Freezes the program on this machine: build/linux/dist/flowork. What it is made from is locked; build/freeze-venv holds it.
#
# usage: freeze.sh PYTHON   PYTHON: taken where the system's own is too old or has no shared library
set -eu
python=$1
cd "$(dirname "$0")/../.."
out=build/linux venv=build/freeze-venv

# The system's Python is built with its profile: everything starts sooner. PyInstaller needs libpython as a shared library.
if /usr/bin/python3 -c 'import ensurepip, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 11) or not sysconfig.get_config_var("Py_ENABLE_SHARED"))' 2>/dev/null; then
    python=/usr/bin/python3
fi

made_from="$("$python" -c 'import sys; print(sys.version, sys.base_prefix)') $(sha256sum <requirements-installer.lock)"
if [ "$(cat "$venv/made-from" 2>/dev/null)" != "$made_from" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --require-hashes -r requirements-installer.lock
    printf '%s\n' "$made_from" >"$venv/made-from"
fi

began=$(date +%s)
# Without a fixed seed the order of sets gets into compiled code, and no two builds are the same.
export PYTHONHASHSEED=0
SOURCE_DATE_EPOCH=$(sh installer/linux/epoch.sh)
export SOURCE_DATE_EPOCH
"$venv/bin/python" installer/notices.py build/THIRD-PARTY-NOTICES.txt
rm -rf "$out/dist"
"$venv/bin/python" -m PyInstaller --noconfirm --clean --log-level WARN --distpath "$out/dist" --workpath "$out/work" build.spec
echo "frozen in $(($(date +%s) - began)) s: $(du -sm "$out/dist/flowork" | cut -f1) MB, $(find "$out/dist/flowork" -type f | wc -l) files"
