#!/bin/sh
# Freezes the Windows program under wine: build/windows/dist/flowork. A rig for tests, not a source of releases.
#
# usage: dist.sh PYTHON   PYTHON: of the working copy
set -eu
python=$1
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../..")
sh "$here/rig/setup.sh" "$python" "$root/requirements-installer.lock"
rig=$root/build/windows
. "$here/rig/wine.sh"
cd "$root"
began=$(date +%s)
export PYTHONHASHSEED=0 # else the order of sets gets into compiled code
windows "C:\\Python311\\python.exe" installer/notices.py build/THIRD-PARTY-NOTICES.txt
windows "C:\\Python311\\python.exe" -m PyInstaller --noconfirm --clean --log-level WARN \
    --distpath "$(windows_path "$rig/dist")" --workpath "$(windows_path "$rig/work")" build.spec
echo "frozen in $(($(date +%s) - began)) s: $(du -sm "$rig/dist/flowork" | cut -f1) MB, $(find "$rig/dist/flowork" -type f | wc -l) files"
