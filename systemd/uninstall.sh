#!/bin/sh
# `make uninstall`: takes away what `make install` brought, but /etc/ivsd, /var/lib/ivsd and the
# user ivsd, who owns files there.
set -eu
if [ "$(id -u)" != 0 ]; then
    echo "ivsd: only root can uninstall it; type: sudo make uninstall" >&2
    exit 1
fi
if [ -d /run/systemd/system ]; then
    systemctl --quiet disable --now ivsd 2>/dev/null || true  # perhaps it is gone already
else
    systemctl --quiet disable ivsd 2>/dev/null || true
fi
rm -rf /opt/ivsd
rm -f /usr/local/bin/ivsd /usr/local/lib/systemd/system/ivsd.service \
    /etc/sysusers.d/ivsd.conf /etc/udev/rules.d/60-ivsd.rules
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    udevadm control --reload
fi
echo "ivsd is uninstalled. /etc/ivsd and /var/lib/ivsd were kept."
