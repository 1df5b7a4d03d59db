#!/usr/bin/env bash
# Install what the tests drive and Python's packages do not bring, from the distribution, unless it is there:
# Chromium, Node with npm, curl.
set -euo pipefail

has_chromium() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$name" >/dev/null; then
            return 0
        fi
    done
    for name in "Google Chrome" Chromium; do
        if [[ -x "/Applications/$name.app/Contents/MacOS/$name" ]]; then
            return 0
        fi
    done
    return 1
}

missing=()
has_chromium || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v curl >/dev/null || missing+=(curl)
if [[ ${#missing[@]} -eq 0 ]]; then
    exit 0
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
        echo "no right to install what is missing: install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo -n)
fi

if command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}"
elif command -v dnf >/dev/null; then
    "${as_root[@]}" dnf install -y -q "${missing[@]}"
elif command -v apk >/dev/null; then
    "${as_root[@]}" apk add --quiet "${missing[@]}"
else
    echo "no package manager known here: install ${missing[*]} by hand" >&2
    exit 1
fi
