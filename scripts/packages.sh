#!/usr/bin/env bash
# Installs the system packages that Duologue needs, or says exactly which command would.
#
#   scripts/packages.sh run     what `make run` needs
#   scripts/packages.sh test    what `make test` needs as well
set -euo pipefail

# The voice, the recogniser and its English model; the encoder of MP3; what sound devices are reached through.
run_packages=(libflite1 libpocketsphinx3 pocketsphinx-en-us libmp3lame0 libasound2-dev pkg-config)
# A sound server for virtual microphones and speakers; browsers; a decoder of MP3 that is not ours.
test_packages=("${run_packages[@]}" pulseaudio pulseaudio-utils chromium python3-venv libmpg123-0)
# Node.js often comes from elsewhere, and brings its own npm.
command -v npm >/dev/null || test_packages+=(nodejs npm)

case "${1:-}" in
run) wanted=("${run_packages[@]}") ;;
test) wanted=("${test_packages[@]}") ;;
*)
    echo "usage: $0 run|test" >&2
    exit 2
    ;;
esac

installed() {
    dpkg-query --show --showformat='${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    cat >&2 <<TEXT
This machine has no apt. Duologue's offline voice and ears are these Debian packages; install their like by hand:
  ${wanted[*]}
Going on without them: 'duologue doctor' shows what is missing.
TEXT
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    installed "$package" || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root=(sudo)
    else
        cat >&2 <<TEXT
These system packages are missing, and this user may not install them:
  ${missing[*]}
Ask someone who may to run:
  apt-get update && apt-get install -y ${missing[*]}
TEXT
        exit 1
    fi
fi

echo "Installing system packages (about a minute): ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
# Package lists may be old or absent: ask for them only when the first try fails.
install 2>/dev/null || { "${as_root[@]}" apt-get update -qq && install; }
