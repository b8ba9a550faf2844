#!/bin/sh
# Fetches the programs that tests start beside Python's own: a real session bus and keyring, a real Prometheus. On Debian, as root.
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
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # What is installed already keeps its services; the ones that come with these packages are not needed, and not started.
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $packages >/dev/null
else
    echo "Tests need$missing. On Debian and Ubuntu: sudo apt install$packages" >&2
fi
