#!/bin/sh
# Which of the two programs: everything but windows starts sooner in the one without Qt.
folder=@FOLDER@
case ${1-} in
'' | desktop | self-test) program=flowork ;;
--help | --version | --quit | -h) program=flowork-gateway ;;
-*) program=flowork ;;
*) program=flowork-gateway ;;
esac
exec "${folder%/bin/flowork}/$program" "$@"
