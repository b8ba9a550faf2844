#!/bin/sh
# Signs Flowork.app, packs it into a disk image and has Apple notarise that. Never run yet: it needs a Mac.
#
# usage: make_dmg.sh APP VERSION OUT
# From the environment, each of them left out where there is none, which is said loudly:
#   FLOWORK_SIGNING_IDENTITY   the name of a Developer ID Application certificate in an unlocked keychain
#   FLOWORK_NOTARY_KEY         file with a key of App Store Connect (.p8), with FLOWORK_NOTARY_KEY_ID and FLOWORK_NOTARY_ISSUER
# The launch agent is no part of it: the program writes its own when its person says so (app/desktop/autostart.py).
set -eu
app=$1 version=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)

if [ -n "${FLOWORK_SIGNING_IDENTITY-}" ]; then
    sign() {
        codesign --force --timestamp --options runtime --entitlements "$here/entitlements.plist" --sign "$FLOWORK_SIGNING_IDENTITY" "$1"
    }
    # From the inside out: a signature covers what lies within it.
    find "$app/Contents" -type f ! -path "$app/Contents/MacOS/flowork" -print | while read -r file; do
        case $(file -b "$file") in *Mach-O*) sign "$file" ;; esac
    done
    sign "$app"
    codesign --verify --deep --strict --verbose=2 "$app"
else
    echo "make_dmg.sh: NOT SIGNED: there is no FLOWORK_SIGNING_IDENTITY. Gatekeeper will refuse it until its person allows it." >&2
fi

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT INT TERM
cp -R "$app" "$tree/Flowork.app"
ln -s /Applications "$tree/Applications"
hdiutil create -volname "Flowork $version" -srcfolder "$tree" -fs HFS+ -format UDZO -ov "$out"

[ -z "${FLOWORK_SIGNING_IDENTITY-}" ] || codesign --force --timestamp --sign "$FLOWORK_SIGNING_IDENTITY" "$out"
if [ -n "${FLOWORK_NOTARY_KEY-}" ]; then
    xcrun notarytool submit "$out" --key "$FLOWORK_NOTARY_KEY" --key-id "${FLOWORK_NOTARY_KEY_ID:?}" --issuer "${FLOWORK_NOTARY_ISSUER:?}" --wait
    xcrun stapler staple "$out"
    spctl --assess --type open --context context:primary-signature --verbose "$out"
else
    echo "make_dmg.sh: NOT NOTARISED: there is no FLOWORK_NOTARY_KEY." >&2
fi
