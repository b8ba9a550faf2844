#!/bin/sh
# Makes the Debian package of a frozen folder. The same folder and SOURCE_DATE_EPOCH give the same bytes.
#
# usage: make_deb.sh PYTHON FROZEN OUT   PYTHON: with Flowork's packages; FAST=1 compresses little
set -eu
umask 022
python=$1 frozen=$(realpath "$2") out=$3
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../..")
SOURCE_DATE_EPOCH=$(sh "$here/epoch.sh")
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^VERSION: Final = "\(.*\)"/\1/p' "$root/contract/version.py")
began=$(date +%s)
depends=$("$python" "$here/needed.py" "$frozen")

tree=$(mktemp -d)
chmod 755 "$tree"
trap 'rm -rf "$tree"' EXIT INT TERM
mkdir -p "$tree/opt" "$tree/usr/bin" "$tree/usr/lib/systemd/user" "$tree/usr/share/doc/flowork" "$tree/usr/share/lintian/overrides" "$tree/DEBIAN"
cp -a "$frozen" "$tree/opt/flowork"
sh "$here/modes.sh" "$tree/opt/flowork"
sed 's#@FOLDER@#/opt/flowork#' "$here/launcher.sh" >"$tree/usr/bin/flowork"
chmod 755 "$tree/usr/bin/flowork"
ln -s /opt/flowork/flowork-gateway "$tree/usr/bin/flowork-gateway"
sh "$here/share.sh" "$python" "$tree/usr/share" flowork
install -m 644 "$here/flowork.service" "$here/flowork-folder.service" "$tree/usr/lib/systemd/user/"

doc=$tree/usr/share/doc/flowork
install -m 644 "$here/deb/copyright" "$doc/copyright"
gzip -9nc "$root/CHANGELOG.md" >"$doc/NEWS.gz"
maintainer=$(sed -n 's/^Maintainer: //p' "$here/deb/control")
printf 'flowork (%s) stable; urgency=medium\n\n  * What changed is in NEWS.gz.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"
gzip -9nc "$tree/opt/flowork/_internal/THIRD-PARTY-NOTICES.txt" >"$doc/THIRD-PARTY-NOTICES.txt.gz"
install -m 644 "$here/deb/lintian-overrides" "$tree/usr/share/lintian/overrides/flowork"

size=$(du -sk --apparent-size "$tree/opt" "$tree/usr" | awk '{ sum += $1 } END { print sum }')
sed -e "s#@VERSION@#$version#" -e "s#@SIZE@#$size#" -e "s#@DEPENDS@#$depends#" "$here/deb/control" >"$tree/DEBIAN/control"
for script in postinst postrm; do
    install -m 755 "$here/deb/caches.sh" "$tree/DEBIAN/$script"
done
(cd "$tree" && find opt usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -print0 | xargs -0r touch -h -d "@$SOURCE_DATE_EPOCH"

level=9 # a window of 64 MB sees that the two programs are almost the same
[ -z "${FAST-}" ] || level=0
mkdir -p "$(dirname "$out")"
dpkg-deb --root-owner-group -Zxz "-z$level" --build "$tree" "$out" >/dev/null
echo "package in $(($(date +%s) - began)) s: $(($(stat -c %s "$out") / 1000000)) MB, $((size / 1000)) MB installed"
