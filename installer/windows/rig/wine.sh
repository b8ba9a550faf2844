# Sourced: how this rig runs Windows programs. Needs $rig, a folder of its own.
: "${rig:?}"
export WINEPREFIX="${WINEPREFIX:-$rig/prefix}" WINEARCH=win64 WINEDEBUG=-all
export HOME="$rig/home"                              # wine writes menus and links into the home folder
export WINEDLLOVERRIDES="winemenubuilder.exe=d"      # and these would end on the person's own desktop
mkdir -p "$HOME"

# Python under wine ends with "WinError 6" when its output is a file, so all output goes through a pipe; the exit code is kept.
windows() {
    { { { xvfb-run -a wine "$@" 2>&1 </dev/null; echo $? >&3; } | cat >&4; } 3>&1 | { read -r code; exit "$code"; }; } 4>&1
}

windows_path() {
    winepath -w "$1" 2>/dev/null
}

# A fresh prefix says that it is Windows 7, and a crash in it would wait for a debugger for ever.
new_prefix() {
    rm -rf "$WINEPREFIX"
    xvfb-run -a wineboot -i </dev/null >/dev/null 2>&1
    wine winecfg -v win10 </dev/null >/dev/null 2>&1
    wine reg add 'HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug' /v Debugger /d false /f </dev/null >/dev/null 2>&1
    cp "$1"/*.dll "$WINEPREFIX/drive_c/windows/system32/"
    wine reg add 'HKCU\Software\Wine\DllOverrides' /v mscms /d native /f </dev/null >/dev/null 2>&1
    wineserver -w
}
