#!/usr/bin/env bash
# Write .env with fresh secrets for docker-compose.yml, once; an existing .env is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -e .env ]]; then
    echo ".env is there already: nothing done"
    exit 0
fi

random() {
    od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'
}

umask 077
password=$(random 24)
cat >.env <<END
# Secrets of this installation; everything else is in .env-non-dev. Never commit this file.
DB_PASS=$password
POSTGRES_PASSWORD=$password
HUB_SECRET_KEY=$(random 32)
END
echo "wrote .env"
