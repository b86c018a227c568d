#!/bin/sh
# `make uninstall`: takes away what `make install` brought, but /etc/ivsd, /var/lib/ivsd and the
# user ivsd, who owns files there.
set -eu
if [ "$(id -u)" != 0 ]; then
    echo "ivsd: only root can uninstall it; type: sudo make uninstall" >&2
    exit 1
fi
now=$([ ! -d /run/systemd/system ] || echo --now)
for unit in ivsd ivsd-web ivsd-factory-default.socket ivsd-factory-resume; do
    # shellcheck disable=SC2086  # --now or nothing; perhaps it is gone already
    systemctl --quiet disable $now "$unit" 2>/dev/null || true
done
rm -rf /opt/ivsd
rm -f /usr/local/bin/ivsd /usr/local/lib/systemd/system/ivsd.service \
    /usr/local/lib/systemd/system/ivsd-*.service /usr/local/lib/systemd/system/ivsd-*.socket \
    /etc/sysusers.d/ivsd.conf /etc/tmpfiles.d/ivsd.conf /etc/udev/rules.d/60-ivsd.rules \
    /usr/lib/systemd/catalog/ivsd.catalog /usr/local/share/man/man8/ivsd.8 \
    /usr/local/share/bash-completion/completions/ivsd \
    /usr/local/share/zsh/site-functions/_ivsd /usr/share/fish/vendor_completions.d/ivsd.fish
journalctl --update-catalog 2>/dev/null || true
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    udevadm control --reload
fi
echo "ivsd is uninstalled. /etc/ivsd and /var/lib/ivsd were kept, and the factory state."
