#!/bin/sh
# The date that everything in a package bears: SOURCE_DATE_EPOCH, or that of the last commit.
# https://reproducible-builds.org/specs/source-date-epoch/
set -eu
echo "${SOURCE_DATE_EPOCH:-$(git -C "$(dirname "$0")" log -1 --format=%ct)}"
