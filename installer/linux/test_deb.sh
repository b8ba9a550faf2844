#!/bin/sh
# Installs the package in a bare Debian, uses it as somebody without rights, removes it. As root, with mmdebstrap.
#
# usage: test_deb.sh DEB [SUITE]   SUITE: bookworm unless told; build/linux/SUITE.tar keeps the bare system for the next time
set -eu
deb=$(realpath "$1") suite=${2:-bookworm}
here=$(realpath "$(dirname "$0")")
bare=$(realpath "$here/../..")/build/linux/$suite.tar

if [ ! -s "$bare" ]; then
    began=$(date +%s)
    mkdir -p "$(dirname "$bare")"
    mmdebstrap --quiet --variant=minbase "$suite" "$bare.new.tar"
    mv "$bare.new.tar" "$bare"
    echo "bare $suite in $(($(date +%s) - began)) s"
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT INT TERM
tar -C "$root" -xf "$bare"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# The way to the archive is this machine's: its proxy and its certificates, where it has some.
for way in /etc/apt/apt.conf.d/*proxy* /etc/ssl/certs/ca-certificates.crt; do
    [ ! -f "$way" ] || install -D -m 644 "$way" "$root$way"
done
cp "$deb" "$root/flowork.deb"
cp "$here/test_deb_inside.sh" "$here/test_deb_user.sh" "$here/test_deb_service.sh" "$root/"
# Mounts and processes of its own: whatever happens inside, nothing of it is left.
unshare --mount --pid --ipc --fork --kill-child sh -eu -c '
    mount --make-rprivate /
    mount --bind "$1" "$1" # a service gets a read-only view of what is mounted here
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount -t tmpfs -o mode=755 tmpfs "$1/run"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
    mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
    exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -eu /test_deb_inside.sh
' sh "$root"
