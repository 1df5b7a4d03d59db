#!/usr/bin/env bash
# Install Chromium from the distribution, for the browser tests, unless a browser is there.
set -euo pipefail

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done
for application in "Google Chrome" Chromium; do
    if [[ -x "/Applications/$application.app/Contents/MacOS/$application" ]]; then
        exit 0
    fi
done

as_root=()
if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
        echo "no Chromium, and no right to install it: install the package chromium" >&2
        exit 1
    fi
    as_root=(sudo -n)
fi

if command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -qq -y --no-install-recommends chromium
elif command -v dnf >/dev/null; then
    "${as_root[@]}" dnf install -y -q chromium
elif command -v apk >/dev/null; then
    "${as_root[@]}" apk add --quiet chromium
else
    echo "no Chromium, and no package manager known here: install Chromium by hand" >&2
    exit 1
fi
