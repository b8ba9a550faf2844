#!/bin/sh
# Makes the test rig in build/windows: wine with a Windows Python that freezes the program as Windows would.
# A rig, never a source of releases: those are frozen on Windows itself (.github/workflows/release.yml).
#
# usage: setup.sh PYTHON LOCK   PYTHON: of the working copy; LOCK: what the program is made of, with hashes
set -eu
python=$1 lock=$(realpath "$2")
here=$(realpath "$(dirname "$0")")
rig=$here/../../../build/windows
mkdir -p "$rig"
rig=$(realpath "$rig")
. "$here/wine.sh"

packages="nsis wine wine64 xvfb xauth osslsigncode gcc-mingw-w64-x86-64"
if ! dpkg-query -W -f='${db:Status-Abbrev}\n' $packages 2>/dev/null | grep -vc '^ii' | grep -qx 0 || ! dpkg-query -W $packages >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || { echo "The rig needs: sudo apt install $packages" >&2; exit 1; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi

say() { echo "rig: $*"; }

# 1. A Windows Python. Its package is unpacked, and nothing of it is run on this machine.
if [ ! -f "$rig/python/python.exe" ]; then
    say "a Windows Python"
    rm -rf "$rig/fetch"
    mkdir -p "$rig/fetch/unpacked"
    "$python" -m venv "$rig/fetch/venv"
    # Without setuptools pip cannot run the package's setup.py: it stops after unpacking, which is all that is wanted.
    "$rig/fetch/venv/bin/python" -m pip --disable-pip-version-check --quiet uninstall --yes setuptools 2>/dev/null || true
    TMPDIR=$rig/fetch/unpacked "$rig/fetch/venv/bin/python" -m pip --disable-pip-version-check --no-input --quiet download --no-deps \
        --no-binary :all: --use-pep517 --no-build-isolation --no-clean --require-hashes -d "$rig/fetch" -r "$here/python.lock" 2>/dev/null || true
    archive=$(find "$rig/fetch" -name data.zip | head -n 1)
    [ -n "$archive" ] || { echo "The Windows Python could not be fetched." >&2; exit 1; }
    echo "7a578632ead5b2232e01c04160a4c7c22318766ebeef3d99518ba3764a93575c  $archive" | sha256sum --quiet -c
    "$python" -m zipfile -e "$archive" "$rig/fetch/python"
    "$python" "$here/check_signatures.py" "$rig/fetch/python/cp311"
    mv "$rig/fetch/python/cp311" "$rig/python"
    rm -rf "$rig/fetch"
fi

# 2. What wine 8 lacks of Windows 10. Each file says what, and who needs it.
mkdir -p "$rig/shim"
for library in bcryptprimitives icuuc mscms; do
    x86_64-w64-mingw32-gcc -O2 -shared -o "$rig/shim/$library.dll" "$here/$library.c"
done

# 3. A prefix with that Python and the locked packages in it.
stamp="$WINEPREFIX/made-of-$(cat "$lock" "$here"/*.c "$here/setup.sh" | sha256sum | cut -c1-16)"
if [ ! -f "$stamp" ]; then
    say "a wine prefix"
    new_prefix "$rig/shim"
    cp -r "$rig/python" "$WINEPREFIX/drive_c/Python311"
    say "the locked packages for Windows"
    # uv chooses by Windows' markers and unpacks on this side, six times as fast as pip does it under wine.
    "$(dirname "$python")/uv" pip install --quiet --python "$python" --python-platform x86_64-pc-windows-msvc --python-version 3.11 \
        --only-binary :all: --require-hashes --target "$WINEPREFIX/drive_c/Python311/Lib/site-packages" -r "$lock"
    touch "$stamp"
fi
say "ready"
