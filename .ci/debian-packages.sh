#!/bin/sh
# Install these Debian packages when root; otherwise print the one line to type and fail.
missing=""
for package in "$@"; do
    dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null | grep -q '^install ok' \
        || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null \
        && exit 0
fi
echo "ivsd: some Debian packages are missing; type: sudo apt-get install$missing" >&2
exit 1
