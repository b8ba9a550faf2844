#!/bin/sh
# The part of test_deb.sh that runs inside, as an ordinary user.
set -eu
broken() {
    echo "test_deb: $*" >&2
    exit 1
}

# 1. The desktop: a screen, a session bus, the real keyring.
cat >"$HOME/desktop.sh" <<'IN'
set -eu
printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null
flowork --self-test --json
IN
xvfb-run -a dbus-run-session -- sh "$HOME/desktop.sh" >"$HOME/self-test.json" || { cat "$HOME/self-test.json"; broken "the self-test"; }
cat "$HOME/self-test.json"
python3 - "$HOME/self-test.json" <<'IN'
import json, sys
told = json.load(open(sys.argv[1]))
checks = {check["name"]: check for check in told["checks"]}
assert told["ok"] and told["frozen"] and told["windows"], told
assert "written, read, deleted" in checks["keyring"]["said"] and "Secret Service" in checks["keyring"]["said"], checks["keyring"]
assert "on the platform xcb" in checks["window"]["said"], checks["window"]
assert int(checks["gui"]["said"].split()[0]) > 10, checks["gui"]
IN

# 2. The program without windows has no Qt in its memory; the other one does.
for program in flowork flowork-gateway; do
    LD_DEBUG=files LD_DEBUG_OUTPUT="$HOME/loaded.$program" QT_QPA_PLATFORM=offscreen "/opt/flowork/$program" --self-test >/dev/null
done
grep -qs libQt6Core "$HOME"/loaded.flowork.[0-9]* || broken "the loader was not watched"
! grep -ls libQt6 "$HOME"/loaded.flowork-gateway.* || broken "flowork-gateway loads Qt"
rm -f "$HOME"/loaded.*

# 3. A server: no screen, no bus, a passphrase in a file; jobs from start to end.
flowork demo
flowork licences | grep 'GNU LESSER GENERAL PUBLIC LICENSE' >/dev/null || broken "the notices are not there"
umask 077
echo correct-horse-battery-staple >"$HOME/unlock"
export FLOWORK_UNLOCK_FILE="$HOME/unlock"
flowork serve --port 0 --allow-echo >"$HOME/serve.log" 2>&1 &
server=$!
tries=0
until grep -q 'is running' "$HOME/serve.log"; do
    tries=$((tries + 1))
    { kill -0 $server 2>/dev/null && [ $tries -lt 300 ]; } || { cat "$HOME/serve.log"; broken "serve does not start"; }
    sleep 0.1
done
flowork login >/dev/null
flowork submit --kind echo --payload '{"reply": "from a bare system"}' | tee "$HOME/submitted"
grep -q 'from a bare system' "$HOME/submitted" || broken "the job did not answer"
! grep -q libQt6 /proc/$server/maps || broken "flowork serve loads Qt"
flowork quit
wait $server || broken "serve ended with $?"
