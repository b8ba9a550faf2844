#!/bin/sh
# Signs one file for Windows (Authenticode) on Linux; makensis calls it for setup and uninstaller.
# On Windows the release workflow does the same with signtool and a key that stays in its vault.
#
# usage: sign.sh FILE
#   FLOWORK_SIGN_CERT       certificates, PEM
#   FLOWORK_SIGN_KEY        the key's file, PEM, 0600
#   FLOWORK_SIGN_TIMESTAMP  an RFC 3161 server; without one the signature ends with the certificate
set -eu
file=$1
osslsigncode sign -certs "$FLOWORK_SIGN_CERT" -key "$FLOWORK_SIGN_KEY" -h sha256 -n Flowork \
    ${FLOWORK_SIGN_TIMESTAMP:+-ts "$FLOWORK_SIGN_TIMESTAMP"} -in "$file" -out "$file.signed" >/dev/null
mv "$file.signed" "$file"
