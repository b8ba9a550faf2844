#!/bin/sh
# Makes a folder everybody's to read and its owner's alone to write. Only programs are executable.
#
# usage: modes.sh FOLDER
set -eu
find "$1" -type d -exec chmod 755 {} +
find "$1" -type f -exec chmod 644 {} +
for program in flowork flowork-gateway; do
    chmod 755 "$1/$program"
done
