#!/bin/sh
# Makes the installer for Linux of any kind, a shell script with everything in it. With makeself.
#
# usage: make_run.sh PYTHON FROZEN OUT   PYTHON: with Flowork's packages; FAST=1 compresses little
set -eu
umask 022
python=$1 frozen=$(realpath "$2") out=$3
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../..")
SOURCE_DATE_EPOCH=$(sh "$here/epoch.sh")
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^VERSION: Final = "\(.*\)"/\1/p' "$root/contract/version.py")
began=$(date +%s)
glibc=$("$python" "$here/needed.py" --glibc "$frozen")

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT INT TERM
chmod 755 "$tree"
cp -a "$frozen" "$tree/flowork"
sh "$here/modes.sh" "$tree/flowork"
mkdir "$tree/flowork/bin"
sed 's#@FOLDER@#$(realpath "$0")#' "$here/launcher.sh" >"$tree/flowork/bin/flowork"
sh "$here/share.sh" "$python" "$tree/flowork/share"
sed -e "s/@GLIBC@/$glibc/" -e "s/@VERSION@/$version/" "$here/install.sh" >"$tree/install.sh"
cp "$tree/install.sh" "$tree/flowork/bin/install.sh"
chmod 755 "$tree/flowork/bin/flowork" "$tree/flowork/bin/install.sh"

packed="--xz --complevel 9" # a window of 64 MB sees that the two programs are almost the same
[ -z "${FAST-}" ] || packed="--gzip --complevel 1"
mkdir -p "$(dirname "$out")"
# shellcheck disable=SC2086 # two words
makeself $packed --nox11 --nomd5 --sha256 --quiet --packaging-date "$(LC_ALL=C date -u -d "@$SOURCE_DATE_EPOCH")" \
    --tar-extra "--sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner --format=gnu" \
    "$tree" "$out" "Flowork $version" sh ./install.sh >/dev/null
echo "installer in $(($(date +%s) - began)) s: $(($(stat -c %s "$out") / 1000000)) MB"
