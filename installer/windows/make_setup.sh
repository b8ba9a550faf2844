#!/bin/sh
# Makes the setup of a frozen folder.
#
# usage: make_setup.sh PYTHON PAYLOAD VERSION OUT   FAST=1 compresses little; SIGN names a command that signs a file
# VERSION may be "own": that of the sources.
set -eu
python=$1 payload=$(realpath "$2") version=$3
mkdir -p "$(dirname "$4")"
out=$(realpath "$(dirname "$4")")/$(basename "$4")
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../..")
if [ "$version" = own ]; then version=$(sed -n 's/^VERSION: Final = "\(.*\)"/\1/p' "$root/contract/version.py"); fi
for name in ROADMAP.md SECURITY.md; do
    cp "$root/$name" "$payload/$name"
done
"$python" "$here/uninstall_list.py" "$payload" "$out.list.nsh"
began=$(date +%s)
makensis -V2 -DVERSION="$version" -DPAYLOAD="$payload" -DLIST="$out.list.nsh" -DOUT="$out" -DASSETS="$root/assets" \
    ${FAST:+-DFAST} ${SIGN:+"-DSIGN=$SIGN"} "$here/flowork.nsi"
rm "$out.list.nsh"
echo "setup in $(($(date +%s) - began)) s: $(($(stat -c %s "$out") / 1000000)) MB"
