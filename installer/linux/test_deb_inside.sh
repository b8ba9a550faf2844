#!/bin/sh
# The part of test_deb.sh that runs inside, as root.
set -eu
took() { # word
    echo "-- $1: $(($(date +%s) - began)) s"
}
broken() {
    echo "test_deb: $*" >&2
    exit 1
}
ours() { # every path that a package of ours could have left
    find / -xdev \( -path /proc -o -path /tmp -o -path /home -o -path /var/lib/apt -o -path /var/log \) -prune -o \
        -iname '*flowork*' ! -path '/test_deb*' ! -path /flowork.deb -print
}
apt() {
    apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; broken "apt-get $*"; }
}
as_somebody() {
    setpriv --reuid=somebody --regid=somebody --init-groups env HOME="$home" USER=somebody "$@"
}

began=$(date +%s)
[ -z "$(ours)" ] || broken "the bare system has files of ours: $(ours)"
apt update
# Nothing but what the package asks for: what it forgets to ask for must show.
apt install --no-install-recommends /flowork.deb
took "installed, $(dpkg-query -Wf '${Installed-Size}' flowork | awk '{ print int($1 / 1000) }') MB, $(grep -c '^Setting up' /tmp/apt.log) packages"
useradd -m somebody
home=$(getent passwd somebody | cut -d: -f6)

# The starter of each program names its own folder to the loader before anything else is loaded.
missing=$(find /opt/flowork -type f -exec sh -c 'head -c4 "$1" | grep -q ELF &&
    LD_LIBRARY_PATH=/opt/flowork/_internal ldd "$1" 2>/dev/null | grep "not found" | sed "s#^#$1 #"' sh {} \; || true)
[ -z "$missing" ] || broken "libraries that no package brought: $missing"
wrong=$(find /opt/flowork /usr/bin/flowork /usr/bin/flowork-gateway \( ! -user root -o ! -group root -o -perm /022 \) ! -type l -print)
[ -z "$wrong" ] || broken "others can change: $wrong"
[ ! -e /etc/systemd/user/default.target.wants/flowork.service ] || broken "the service is enabled"
! readlink /proc/[0-9]*/exe | grep ^/opt/flowork || broken "something was started"
[ "$(as_somebody flowork --version)" = "flowork $(dpkg-query -Wf '${Version}' flowork)" ] || broken "another version than the package's"
for program in flowork flowork-gateway; do
    as_somebody $program --help | grep -q '^usage: flowork' || broken "$program --help"
done
as_somebody flowork --self-test >/tmp/without-screen || { cat /tmp/without-screen; broken "the self-test without a screen"; }
took "self-test without a screen or a keyring"

apt install --no-install-recommends xvfb xauth dbus gnome-keyring libglib2.0-bin python3 procps
as_somebody sh -eu /test_deb_user.sh
took "used by somebody"

apt install --no-install-recommends systemd
sh -eu /test_deb_service.sh
took "run as a service"

apt remove flowork
left=$(ours | grep -v '^/var/lib/dpkg/' || true)
[ -z "$left" ] || broken "left behind: $left"
[ -d "$home"/.local/share/flowork ] || broken "somebody's data is gone"
apt purge flowork
[ -z "$(ours)" ] || broken "left behind: $(ours)"
[ -d "$home"/.local/share/flowork ] || broken "somebody's data is gone"
took "removed"
