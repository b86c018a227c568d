#!/bin/sh
# `make install`: the product as a service of this machine. Debian 12 or 13, Raspberry Pi OS.
# Typed again it upgrades; what is in /etc/ivsd is never changed. pip's own settings hold, so that
# PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER installs from a folder of wheels.
set -eu
cd "$(dirname "$0")/.."
prefix=/opt/ivsd
python=/usr/bin/python3  # Debian's own: the service cannot read one in somebody's home

if [ "$(id -u)" != 0 ]; then
    echo "ivsd: only root can install it; type: sudo make install" >&2
    exit 1
fi
umask 022
# With these a pip in the venv, and its build tools there, are not needed.
sh .ci/debian-packages.sh python3-pip python3-setuptools python3-wheel
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "ivsd needs Python 3.11 or newer; $("$python" --version) is too old" >&2
    exit 1
}

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
pip() {
    "$python" -m pip "$@" --quiet --disable-pip-version-check
}

# From a copy: pip writes beside the sources, and would take along what an old build left there.
cp -R ivsd templates setup.cfg pyproject.toml README.md LICENSE "$copy"
pip wheel --no-deps --no-build-isolation --wheel-dir "$copy" "$copy"
wheel=$(echo "$copy"/ivsd-*.whl)

# It breaks when Debian's Python becomes a newer one, and is not whole when an install was ended.
"$prefix/bin/python" -c 'import yaml' 2>/dev/null || {
    rm -rf "$prefix"
    "$python" -m venv --without-pip "$prefix"
}
was_there=$([ ! -e "$prefix/bin/ivsd" ] || echo yes)
install_wheel() {
    pip --python "$prefix/bin/python" install --no-compile --constraint constraints.txt "$@"
}
# What is built from C is built here only where pip finds no wheels of it.
install_wheel --only-binary evdev,systemd-python "$wheel[appliance,web]" 2>/dev/null || {
    sh .ci/debian-packages.sh gcc libc6-dev linux-libc-dev python3-dev pkg-config libsystemd-dev
    install_wheel "$wheel[appliance,web]"
}
# pip takes a wheel of the same version for the same.
[ -z "$was_there" ] || install_wheel --force-reinstall --no-deps "$wheel"
"$prefix/bin/python" -m compileall -q -j 0 "$prefix/lib"  # the service cannot write there
ln -sf "$prefix/bin/ivsd" /usr/local/bin/ivsd

install -D -m 644 systemd/ivsd.sysusers.conf /etc/sysusers.d/ivsd.conf
install -D -m 644 systemd/ivsd.tmpfiles.conf /etc/tmpfiles.d/ivsd.conf
install -D -m 644 systemd/60-ivsd.rules /etc/udev/rules.d/60-ivsd.rules
install -D -m 644 systemd/ivsd.catalog /usr/lib/systemd/catalog/ivsd.catalog
install -D -m 644 ivsd/share/ivsd.8 /usr/local/share/man/man8/ivsd.8
install -D -m 644 ivsd/share/ivsd.bash /usr/local/share/bash-completion/completions/ivsd
install -D -m 644 ivsd/share/_ivsd /usr/local/share/zsh/site-functions/_ivsd
install -D -m 644 ivsd/share/ivsd.fish /usr/share/fish/vendor_completions.d/ivsd.fish
for unit in systemd/*.service systemd/*.socket; do
    install -D -m 644 "$unit" "/usr/local/lib/systemd/system/${unit##*/}"
done
systemd-sysusers /etc/sysusers.d/ivsd.conf
systemd-tmpfiles --create /etc/tmpfiles.d/ivsd.conf
journalctl --update-catalog

# As the factory default leaves them: no server and no room, so that the pages know it is a new box.
for file in ivsd.yaml cards.yaml web.yaml; do
    [ -e "/etc/ivsd/$file" ] || install -m 640 -g ivsd "templates/$file" "/etc/ivsd/$file"
done
"$prefix/bin/python" -I -m ivsd.appliance.factory install "$prefix/share/ivsd/templates"

systemctl --quiet enable ivsd ivsd-web ivsd-factory-default.socket ivsd-factory-resume
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    udevadm control --reload
    udevadm trigger --action=change --subsystem-match=gpio --subsystem-match=leds
    udevadm trigger --action=add --subsystem-match=usb --attr-match=bInterfaceClass=03
    systemctl --quiet restart ivsd-factory-default.socket
    systemctl restart ivsd-web
    systemctl restart ivsd  # the pages need it to set this box up
fi

echo "ivsd is installed, and starts with this machine from now on."
echo "Set it up at http://$(hostname):8080/ or by its address there: server, account, room."
echo "Or edit /etc/ivsd/ivsd.yaml (config/ivsd.yaml explains every key), for its buttons, readers and"
echo "lights, too; then type: sudo ivsd check && sudo systemctl reload ivsd"
