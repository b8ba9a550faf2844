#!/bin/sh
# Fetches the programs that tests start beside Python's own: a real session bus and keyring, a real
# Prometheus, a screen that nobody sees, a real browser, what makes and checks packages. On Debian, as root.
set -eu
[ "$(uname -s)" = Linux ] || exit 0
missing=
packages=
needs() { # program package
    command -v "$1" >/dev/null && return
    missing="$missing $1"
    packages="$packages $2"
}
needs dbus-run-session dbus
needs gnome-keyring-daemon gnome-keyring
needs prometheus prometheus
needs promtool prometheus
needs Xvfb xvfb
needs chromium chromium
needs xwininfo x11-utils
needs groff groff-base
needs desktop-file-validate desktop-file-utils
needs appstreamcli appstream
needs objdump binutils
needs makeself makeself
needs mmdebstrap mmdebstrap
library() { # shared library that Qt loads for a screen, package
    ldconfig -p | grep -q "$1" && return
    missing="$missing $1"
    packages="$packages $2"
}
library libxcb-cursor.so.0 libxcb-cursor0
library libxcb-icccm.so.4 libxcb-icccm4
library libxcb-keysyms.so.1 libxcb-keysyms1
library libxcb-image.so.0 libxcb-image0
library libxcb-render-util.so.0 libxcb-render-util0
library libxcb-xkb.so.1 libxcb-xkb1
library libxkbcommon-x11.so.0 libxkbcommon-x11-0
library libEGL.so.1 libegl1
library libGL.so.1 libgl1
library libdbus-1.so.3 libdbus-1-3
library libfontconfig.so.1 libfontconfig1
command -v npm >/dev/null || echo "Tests of the browser GUI need Node 20.19 or newer with npm: https://nodejs.org" >&2
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # What is installed already keeps its services; the ones that come with these packages are not needed, and not started.
    apt-get update -qq
    # shellcheck disable=SC2086 # several words
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $packages >/dev/null
else
    echo "Tests need$missing. On Debian and Ubuntu: sudo apt install$packages" >&2
fi
