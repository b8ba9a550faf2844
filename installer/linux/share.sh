#!/bin/sh
# Puts what a desktop and a shell look for into a folder such as /usr/share: entry, icons, description, manual page, completions.
#
# usage: share.sh PYTHON SHARE [EXEC]   PYTHON: with Flowork's packages; EXEC: the command that the entry starts; without it an
# installer fills that in
set -eu
python=$1 share=$2 exec=${3-@EXEC@} try=${3-@TRY@}
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../..")
SOURCE_DATE_EPOCH=$(sh "$here/epoch.sh")
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^VERSION: Final = "\(.*\)"/\1/p' "$root/contract/version.py")

put() { # file mode place
    mkdir -p "$share/$(dirname "$3")"
    sed -e "s#@EXEC@#$exec#g" -e "s#@TRY@#$try#g" -e "s#@VERSION@#$version#g" -e "s#@DATE@#$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)#g" "$1" >"$share/$3"
    chmod "$2" "$share/$3"
}
put "$here/org.flowork.Flowork.desktop" 644 applications/org.flowork.Flowork.desktop
put "$here/org.flowork.Flowork.metainfo.xml" 644 metainfo/org.flowork.Flowork.metainfo.xml
for size in 16 22 24 32 48 64 128 256 512; do
    install -D -m 644 "$root/assets/png/flowork@$size.png" "$share/icons/hicolor/${size}x$size/apps/org.flowork.Flowork.png"
done
install -D -m 644 "$root/assets/svg/flowork.svg" "$share/icons/hicolor/scalable/apps/org.flowork.Flowork.svg"
mkdir -p "$share"
share=$(realpath "$share")
cd "$root"
"$python" -m installer.linux.manual "$share"
"$python" -m installer.linux.completions "$share"
