#!/bin/sh
# Puts the certificate of the environment into a keychain of this job alone, on a Mac. Never run yet.
# MACOS_CERTIFICATE: a .p12 in base64; MACOS_CERTIFICATE_PASSWORD: its password, which never stands in an argument.
set -eu
[ -n "${MACOS_CERTIFICATE-}" ] || { echo "macos_keychain.sh: there is no certificate; nothing will be signed" >&2; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
umask 077
printf %s "$MACOS_CERTIFICATE" | openssl base64 -d -A -out "$folder/certificate.p12"
# security(1) takes passwords as arguments only, so it is given none: the key lies open in a folder that goes with this script.
openssl pkcs12 -in "$folder/certificate.p12" -passin env:MACOS_CERTIFICATE_PASSWORD -nodes -out "$folder/certificate.pem"
openssl pkcs12 -in "$folder/certificate.p12" -passin env:MACOS_CERTIFICATE_PASSWORD -nokeys -clcerts -out "$folder/identity.pem"
keychain=$RUNNER_TEMP/flowork.keychain-db
throwaway=$(openssl rand -hex 24) # opens this keychain, on this machine, until this job ends
security create-keychain -p "$throwaway" "$keychain"
security set-keychain-settings -lut 3600 "$keychain"
security unlock-keychain -p "$throwaway" "$keychain"
security import "$folder/certificate.pem" -k "$keychain" -f pemseq -t agg -T /usr/bin/codesign
security set-key-partition-list -S apple-tool:,apple: -s -k "$throwaway" "$keychain" >/dev/null
security list-keychains -d user -s "$keychain" login.keychain-db
name=$(openssl x509 -in "$folder/identity.pem" -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p')
echo "FLOWORK_SIGNING_IDENTITY=$name" >>"$GITHUB_ENV"
