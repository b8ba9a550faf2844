#!/bin/sh
# Signs one file for Windows (Authenticode), with a time stamp. Never run yet: it needs a certificate.
#
# usage: windows.sh FILE
# From the environment, one of:
#   FLOWORK_SIGN_THUMBPRINT   of a certificate in the user's store: a token or a cloud provider keeps its key
#   FLOWORK_SIGN_DLIB and FLOWORK_SIGN_METADATA   of Azure's signing service, whose client takes AZURE_* from the environment
set -eu
export MSYS2_ARG_CONV_EXCL='*' # Git's shell would take /fd for a path
file=$(cygpath -w "$1")
if [ -n "${FLOWORK_SIGN_DLIB-}" ]; then
    exec signtool sign /fd SHA256 /td SHA256 /tr http://timestamp.acs.microsoft.com /dlib "$FLOWORK_SIGN_DLIB" /dmdf "$FLOWORK_SIGN_METADATA" "$file"
elif [ -n "${FLOWORK_SIGN_THUMBPRINT-}" ]; then
    exec signtool sign /fd SHA256 /td SHA256 /tr http://timestamp.digicert.com /sha1 "$FLOWORK_SIGN_THUMBPRINT" "$file"
fi
echo "windows.sh: NOT SIGNED: there is no certificate. Windows will warn of $1." >&2
