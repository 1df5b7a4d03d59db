#!/usr/bin/env bash
# HUB_WORKERS processes of `python -m hub serve` on one port (SO_REUSEPORT). SIGTERM and SIGINT are handed on, so that
# each drains its sockets; when one process ends unasked, the rest are ended too and the container is started again.
set -euo pipefail

pids=()
is_asked=0

stop() {
    kill -TERM "${pids[@]}" 2>/dev/null || true
}
trap 'is_asked=1; stop' TERM INT

for ((n = 0; n < ${HUB_WORKERS:-1}; n++)); do
    python -m hub serve "$@" &
    pids+=("$!")
done

first=0
wait -n "${pids[@]}" || first=$?
[[ "$is_asked" -eq 1 ]] || stop
for pid in "${pids[@]}"; do
    # A trapped signal ends `wait` early; ask again until the process is really gone.
    while kill -0 "$pid" 2>/dev/null; do
        wait "$pid" || true
    done
done
if [[ "$is_asked" -eq 1 ]]; then
    exit 0
fi
echo "hub: one of ${#pids[@]} processes ended unasked with status $first" >&2
exit "$((first == 0 ? 1 : first))"
