#!/bin/sh
# Makes an AppImage of a frozen folder. Never run yet: the tool that packs it is not in Debian, and no release was made.
#
# usage: make_appimage.sh PYTHON FROZEN OUT
# APPIMAGETOOL and APPIMAGE_RUNTIME name the two files that it takes, from the releases of AppImage/appimagetool and
# AppImage/type2-runtime; APPIMAGETOOL_SHA256 and APPIMAGE_RUNTIME_SHA256 what they must be. Without the checksums nothing is packed.
set -eu
umask 022
python=$1 frozen=$(realpath "$2") out=$3
here=$(realpath "$(dirname "$0")")
checked() { # file sha256
    echo "$2  $1" | sha256sum --check --status || { echo "make_appimage.sh: $1 is not the file that was checked" >&2; exit 1; }
}
checked "${APPIMAGETOOL:?}" "${APPIMAGETOOL_SHA256:?}"
checked "${APPIMAGE_RUNTIME:?}" "${APPIMAGE_RUNTIME_SHA256:?}"
SOURCE_DATE_EPOCH=$(sh "$here/epoch.sh")
export SOURCE_DATE_EPOCH

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT INT TERM
chmod 755 "$tree"
mkdir -p "$tree/opt" "$tree/usr"
cp -a "$frozen" "$tree/opt/flowork"
sh "$here/modes.sh" "$tree/opt/flowork"
mkdir "$tree/opt/flowork/bin"
sed 's#@FOLDER@#$(realpath "$0")#' "$here/launcher.sh" >"$tree/opt/flowork/bin/flowork"
chmod 755 "$tree/opt/flowork/bin/flowork"
install -m 755 "$here/AppRun" "$tree/AppRun"
sh "$here/share.sh" "$python" "$tree/usr/share" flowork
cp "$tree/usr/share/applications/org.flowork.Flowork.desktop" "$tree/"
cp "$tree/usr/share/icons/hicolor/256x256/apps/org.flowork.Flowork.png" "$tree/"
ln -s org.flowork.Flowork.png "$tree/.DirIcon"
# Unpacked rather than mounted: containers have no FUSE.
ARCH=x86_64 APPIMAGE_EXTRACT_AND_RUN=1 "$APPIMAGETOOL" --no-appstream --runtime-file "$APPIMAGE_RUNTIME" "$tree" "$out"
