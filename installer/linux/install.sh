#!/bin/sh
# Installs Flowork @VERSION@ for one person, without root: the program in ~/.local/opt/flowork, commands in ~/.local/bin, an entry in
# the menu. The data folder, ~/.local/share/flowork, is never touched.
#
# usage: flowork.run [-- --uninstall]   later: ~/.local/opt/flowork/bin/install.sh --uninstall
set -eu
umask 022
here=$(dirname "$(realpath "$0")")
place=${HOME:?}/.local/opt/flowork
bin=$HOME/.local/bin
share=$HOME/.local/share
case ${XDG_DATA_HOME-} in /*) share=$XDG_DATA_HOME ;; esac

refuse() {
    echo "Flowork cannot be installed here: $*" >&2
    exit 1
}

check_machine() {
    [ "$(uname -m)" = x86_64 ] || refuse "this is a machine of the kind $(uname -m), and Flowork was built for x86_64."
    libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || refuse "this system has another C library than glibc (is it Alpine?)."
    newest=$(printf '%s\n' "${libc#glibc }" @GLIBC@ | sort -V | tail -n 1)
    [ "$newest" = "${libc#glibc }" ] ||
        refuse "it has ${libc}, and Flowork needs glibc @GLIBC@ or newer (Debian 12, Ubuntu 22.04, Fedora 36)."
}

# By the Desktop Entry Specification, "The Exec key": quoted as an argument, then as a string.
exec_of() { # path
    case $1 in
    *[!A-Za-z0-9/._+-]*) printf '%s' "$1" | sed -e 's/[\\"`$]/\\&/g' -e 's/\\/\\\\/g' -e 's/%/%%/g' -e 's/^.*$/"&"/' ;;
    *) printf '%s' "$1" ;;
    esac
}
for_sed() { # text that stands in a replacement
    printf '%s' "$1" | sed 's/[\\&#]/\\&/g'
}

end_running() {
    [ ! -d "$share/flowork/run" ] || "$place/flowork-gateway" quit >/dev/null 2>&1 || true
}

refresh() {
    if command -v update-desktop-database >/dev/null; then update-desktop-database -q "$share/applications" || true; fi
    # A cache that nobody made is not made: where there is none, desktops read the folder.
    if command -v gtk-update-icon-cache >/dev/null && [ -f "$share/icons/hicolor/icon-theme.cache" ]; then
        gtk-update-icon-cache -q -t -f "$share/icons/hicolor" || true
    fi
}

# What stands outside of the program's own folder, as the folder's own share/ lists it.
remove_outside() { # installed folder
    (cd "$1/share" && find . -type f) | while read -r file; do
        rm -f "$share/$file"
        rmdir -p --ignore-fail-on-non-empty "$share/$(dirname "$file")" 2>/dev/null || true
    done
    for command in flowork flowork-gateway; do
        case $(readlink "$bin/$command" || true) in "$place"/*) rm -f "$bin/$command" ;; esac
    done
}

put_outside() {
    entry=$(for_sed "$(exec_of "$place/flowork")")
    try=$(for_sed "$place/flowork")
    (cd "$place/share" && find . -type f) | while read -r file; do
        mkdir -p "$share/$(dirname "$file")"
        case $file in
        *.desktop) sed -e "s#@EXEC@#$entry#" -e "s#@TRY@#$try#" "$place/share/$file" >"$share/$file" ;;
        *) cp "$place/share/$file" "$share/$file" ;;
        esac
    done
    mkdir -p "$bin"
    ln -sf "$place/bin/flowork" "$bin/flowork"
    ln -sf "$place/flowork-gateway" "$bin/flowork-gateway"
}

uninstall() {
    [ -d "$place" ] || refuse "there is nothing to remove in $place."
    end_running
    "$place/flowork-gateway" autostart off >/dev/null 2>&1 || true
    remove_outside "$place"
    refresh
    rm -rf "$place"
    rmdir --ignore-fail-on-non-empty "$HOME/.local/opt"
    echo "Flowork is removed. Your data is still in $share/flowork; delete that folder if you want it gone."
    exit 0
}

case ${1-} in
--uninstall) uninstall ;;
'') ;;
*) refuse "there is no option $1; there is --uninstall." ;;
esac
[ -d "$here/flowork" ] || refuse "this copy of the installer can only remove: --uninstall."
check_machine
mkdir -p "$HOME/.local/opt"
new=$(mktemp -d "$HOME/.local/opt/.flowork-XXXXXX")
trap 'rm -rf "$new"' EXIT INT TERM
chmod 755 "$new"
cp -R "$here/flowork/." "$new"
# Tried before it takes the old one's place: whoever has a Flowork keeps one that works.
"$new/flowork-gateway" --self-test >"$new/self-test.log" 2>&1 || {
    cat "$new/self-test.log" >&2
    refuse "it does not work on this machine, as the lines above say. Nothing was changed."
}
rm "$new/self-test.log"
if [ -d "$place" ]; then
    end_running
    remove_outside "$place"
    mv "$place" "$new.old"
    mv "$new" "$place" || { mv "$new.old" "$place"; put_outside; refuse "$place cannot be replaced; the old one is back."; }
    rm -rf "$new.old"
else
    mv "$new" "$place"
fi
put_outside
refresh

echo "Flowork @VERSION@ is installed in $place."
lacking=$(LD_LIBRARY_PATH="$place/_internal" ldd "$place/_internal/PySide6/Qt/plugins/platforms/libqxcb.so" | sed -n 's/^[[:space:]]*\(.*\) => not found/\1/p' | sort -u | tr '\n' ' ')
[ -z "$lacking" ] || echo "For its windows your system must have these libraries too: $lacking"
case :$PATH: in *":$bin:"*) ;; *) echo "Add $bin to PATH to start it as flowork in a terminal." ;; esac
echo "Start it from the menu of your desktop, or with: $bin/flowork"
