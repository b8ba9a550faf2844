#!/bin/sh
# Fetches the programs that tests start beside Python's own: a real session bus and keyring. On Debian, as root.
set -eu
[ "$(uname -s)" = Linux ] || exit 0
missing=
for program in dbus-run-session gnome-keyring-daemon; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dbus gnome-keyring >/dev/null
else
    echo "Tests of the keyring need$missing. On Debian and Ubuntu: sudo apt install dbus gnome-keyring" >&2
fi
