#!/usr/bin/env bash
# What a container of the hub does: `serve`, `worker`, `beat`, `flower`, `migrate`, or any other command as given.
# Settings that cannot work are refused here, in one line and with exit code 78 (EX_CONFIG).
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() {
    echo "hub: $1" >&2
    exit 78
}

require_servers() {
    [[ -n "${DATABASE_URL:-}${DB_HOST:-}" ]] || refuse "no database: set DB_HOST, DB_NAME, DB_USER and DB_PASS, or DATABASE_URL"
    [[ -n "${REDIS_URL:-}${REDIS_HOST:-}" ]] || refuse "no Redis: set REDIS_HOST and REDIS_PORT, or REDIS_URL"
}

command=${1:-serve}
secret_key=${HUB_SECRET_KEY:-}
[[ $# -eq 0 ]] || shift
case "$command" in
    serve)
        require_servers
        # Without a key shared by all nodes each would refuse the others' tokens.
        [[ ${#secret_key} -ge 32 ]] || refuse "HUB_SECRET_KEY must have at least 32 characters: docker/init-env.sh makes one"
        exec docker/serve.sh "$@"
        ;;
    worker | beat | flower)
        require_servers
        exec python -m tasks "$command" "$@"
        ;;
    migrate)
        [[ -n "${DATABASE_URL:-}${DB_HOST:-}" ]] || refuse "no database: set DB_HOST, DB_NAME, DB_USER and DB_PASS, or DATABASE_URL"
        exec python -m hub migrate "$@"
        ;;
    *)
        exec "$command" "$@"
        ;;
esac
