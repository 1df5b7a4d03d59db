#!/usr/bin/env bash
# Is the process of this container doing its work? `healthcheck.sh serve | worker | beat | flower`; 0 means yes.
set -euo pipefail
cd "$(dirname "$0")/.."

answers() {
    python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=3)' "$1"
}

case "${1:-}" in
    serve)
        answers "http://127.0.0.1:${HUB_PORT:-8000}/healthz"
        ;;
    flower)
        answers "http://127.0.0.1:${FLOWER_PORT:-5555}/healthcheck"
        ;;
    worker)
        python -m tasks inspect ping --timeout 5 --destination "celery@$(hostname)" >/dev/null
        ;;
    beat)
        # Of several beats one holds the lock and the others stand by; without any lock nobody keeps the time.
        python -m tasks beat-lock
        ;;
    *)
        echo "usage: healthcheck.sh serve|worker|beat|flower" >&2
        exit 64
        ;;
esac
