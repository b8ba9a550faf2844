#!/bin/sh
# The part of test_deb.sh that runs inside, as root: the service, under a real manager of a user's services (root's).
set -eu
broken() {
    echo "test_deb: $*" >&2
    cat /tmp/systemd.log >&2
    systemctl --user --no-pager status flowork >&2 || true
    exit 1
}
shown() { # property
    systemctl --user show flowork -p "$1" --value
}
mkdir -p /run/systemd/system /run/user/0
chmod 700 /run/user/0
export HOME=/root XDG_RUNTIME_DIR=/run/user/0
/lib/systemd/systemd --user --log-target=console >/tmp/systemd.log 2>&1 &
manager=$!
tries=0
until systemctl --user is-active --quiet basic.target 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || broken "systemd does not start"
    sleep 0.1
done
[ "$(systemctl --user is-enabled flowork || true)" = disabled ] || broken "the service is on by itself"

# Without a keyring and without a passphrase it says so once, and is not tried again.
systemctl --user start flowork
tries=0
until [ "$(shown ActiveState)" = failed ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || broken "it runs without a place for its keys"
    sleep 0.1
done
[ "$(shown ExecMainStatus) $(shown NRestarts)" = "78 0" ] || broken "it was tried again: $(shown ExecMainStatus), $(shown NRestarts) times"

umask 077
echo correct-horse-battery-staple >/root/unlock
mkdir -p /root/.config/systemd/user/flowork.service.d
printf '[Service]\nEnvironment=FLOWORK_UNLOCK_FILE=/root/unlock\n' >/root/.config/systemd/user/flowork.service.d/unlock.conf
systemctl --user daemon-reload
systemctl --user reset-failed flowork
systemctl --user start flowork
tries=0
until python3 -c 'import json, urllib.request as r, sys; sys.exit(not json.load(r.urlopen("http://127.0.0.1:7717/healthz"))["ready"])' 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || broken "it does not answer"
    sleep 0.1
done
[ "$(shown NRestarts)" = 0 ] || broken "it was started anew"
process=$(shown MainPID)
grep -q '^NoNewPrivs:.1$' "/proc/$process/status" || broken "it may gain rights"
grep -q '^Seccomp:.2$' "/proc/$process/status" || broken "it may open any kind of socket"
awk '$5 == "/" { split($6, how, ","); found = how[1] } END { exit found != "ro" }' "/proc/$process/mountinfo" || broken "it may write everywhere"
[ "$(stat -c %a /root/.local/share/flowork)" = 700 ] || broken "others may look into the data folder"
systemctl --user stop flowork
[ "$(shown Result) $(shown ExecMainStatus)" = "success 0" ] || broken "it ended with $(shown Result), $(shown ExecMainStatus)"
kill $manager
rm -rf /root/.local /root/.config /root/unlock
