#!/bin/bash
# Builds the virtual machine's image, or finds it built, and prints its folder:
# vmlinuz, initrd.gz, base.raw and key (for ssh). Root, Debian 12 or 13 on x86-64.
# IVSD_VM_CACHE names the folder for images. Why it is done so: see README.md, “Tests”.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
cache=${IVSD_VM_CACHE:-/var/tmp/ivsd-appliance-$(id -u)}
python=/usr/bin/python3  # Debian's own, as in the machine: wheels made with it fit there

say() { echo "ivsd: image: $*" >&2; }
die() { say "$*"; exit 1; }

# Runs a step with a time limit and its output in a log; shows the end of that on failure.
step() {
    local name=$1 limit_s=$2
    shift 2
    timeout "$limit_s" "$@" >"$work/$name.log" 2>&1 && return
    tail -n 30 "$work/$name.log" >&2
    die "$name failed, or took longer than $limit_s s"
}

[ "$(uname -m)" = x86_64 ] || die "the virtual machine is for x86-64; this is $(uname -m)"
# shellcheck source=/dev/null
suite=$(. /etc/os-release && [ "${ID-}" = debian ] && echo "$VERSION_CODENAME") ||
    die "the virtual machine is made on Debian, of what it offers"
sh "$project/.ci/debian-packages.sh" qemu-system-x86 qemu-utils openssh-client mmdebstrap \
    e2fsprogs kmod busybox-static cpio gcc make pkg-config xz-utils zstd util-linux \
    python3-venv python3-dev libsystemd-dev >&2

# The cloud kernels have neither GPIO nor 9p; this one has all but gpio-sim, which is made below.
find_kernel() {
    kernel=$(apt-cache depends linux-image-amd64 2>/dev/null |
        sed -n 's/.*Depends: linux-image-\([0-9].*-amd64\)$/\1/p' | head -n 1)
    key=$({
        echo "$suite $kernel"
        cat "$0" "$here"/guest/init "$here"/guest/ready.service \
            "$project/constraints.txt" "$project/setup.cfg"
    } | sha256sum | cut -c 1-16)
    image=$cache/$key
}
found() { [ -n "$kernel" ] && [ -e "$image/base.raw" ]; }
done_with() {
    touch "$image"
    # Those of other days and branches; a machine that still runs keeps its open files.
    find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +7 -exec rm -rf {} +
    echo "$image"
    exit 0
}

install -d -m 700 "$cache"
exec 9>"$cache/lock"
flock --timeout 900 9 || die "another build holds $cache/lock"
find_kernel
if found; then done_with; fi

[ "$(id -u)" = 0 ] || die "only root can build it; type: sudo IVSD_VM_CACHE=$cache $0"
# One file system only: nothing of this host may ever be below, but then nothing is lost.
rm -rf --one-file-system "$cache"/build.*  # of a build that was ended; the lock is ours
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/rootfs out=$work/image
mkdir "$out" "$work/dl" "$work/gpio-sim"
step apt-update 300 apt-get update -qq
find_kernel
if found; then done_with; fi
[ -n "$kernel" ] || die "apt knows no linux-image-amd64"
version=$(apt-cache policy "linux-image-$kernel" | sed -n 's/.*Candidate: //p')
source=linux-source-$(echo "$version" | cut -d . -f 1-2)
say "building it (about a minute): Debian $suite, kernel $kernel"
sh "$project/.ci/debian-packages.sh" "linux-headers-$kernel" >&2

cd "$work/dl"
step kernel-download 300 apt-get download -q "linux-image-$kernel=$version" "$source=$version"
step kernel 60 dpkg-deb -x "linux-image-${kernel}_"*.deb "$work/kernel"

# gpio-sim, which no Debian kernel has, from the three files of the same version's source.
# irq_to_desc is not exported to modules; the call beside it does the same.
cd "$work/gpio-sim"
dpkg-deb --fsys-tarfile "$work/dl/${source}_"*.deb 2>/dev/null |
    tar -xO "./usr/src/$source.tar.xz" 2>/dev/null | xz -dc -T2 2>/dev/null |
    tar -x --strip-components=1 --occurrence=1 "$source"/drivers/gpio/gpio-sim.c \
        "$source"/drivers/gpio/gpiolib.h "$source"/kernel/irq/irq_sim.c || true  # SIGPIPE before
mkdir module
cp drivers/gpio/gpio-sim.c module/gpio_sim_main.c
cp drivers/gpio/gpiolib.h kernel/irq/irq_sim.c module/
sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq_safe(irqnum)/' module/irq_sim.c
grep -q 'generic_handle_irq_safe(irqnum)' module/irq_sim.c || die "irq_sim.c is not as expected"
printf 'obj-m := gpio-sim.o\ngpio-sim-y := gpio_sim_main.o irq_sim.o\n' >module/Kbuild
step gpio-sim 120 make -C "/lib/modules/$kernel/build" M="$PWD/module" modules

# A local mirror or a snapshot of the host holds for the machine, too.
sources=(/etc/apt/sources.list.d/debian.sources)
[ -s "${sources[0]}" ] || sources=(/etc/apt/sources.list)
# What it mounts in there (/sys, /proc) is seen by it alone, and ends with it, however that is.
step rootfs 600 unshare --mount --propagation private mmdebstrap --mode=root --variant=minbase --include="systemd,systemd-sysv,udev,\
dbus,kmod,procps,psmisc,iproute2,openssh-server,netbase,make,python3,python3-pip,\
python3-setuptools,python3-wheel" \
    "$suite" "$root" "${sources[@]}"

# What `make install` needs from PyPI, made with this machine's own pip settings. The machine has
# no compiler: a site's box need not have one either.
same=$("$python" -V)
[ "$(chroot "$root" python3 -V)" = "$same" ] || die "the machine's Python is not this $same"
step venv 120 "$python" -m venv "$work/venv"
"$python" - "$project/setup.cfg" >"$work/needed.txt" <<'PY'
import configparser
import sys

setup = configparser.ConfigParser(interpolation=None)
setup.read(sys.argv[1])
extras = setup["options.extras_require"]
print(setup["options"]["install_requires"], extras["appliance"], extras["web"])
PY
step wheels 600 "$work/venv/bin/python" -m pip wheel --disable-pip-version-check \
    --constraint "$project/constraints.txt" --requirement "$work/needed.txt" \
    --wheel-dir "$root/wheels"

modules=$root/lib/modules/$kernel
mkdir -p "$root/lib/modules" "$root/project"
cp -a "$work/kernel/lib/modules/$kernel" "$modules"
(cd "$modules/kernel" && rm -rf sound drivers/{gpu,media,infiniband,isdn,scsi,mtd,staging,iio,mmc} \
    drivers/net/{wireless,ethernet})
install -D -m 644 "$work/gpio-sim/module/gpio-sim.ko" "$modules/extra/gpio-sim.ko"
depmod -b "$root" "$kernel"
printf '%s\n' uinput evdev configfs gpio-sim 9pnet_virtio 9p >"$root/etc/modules-load.d/ivsd-vm.conf"

ssh-keygen -q -t ed25519 -N '' -f "$out/key" -C ivsd-vm
install -D -m 600 "$out/key.pub" "$root/root/.ssh/authorized_keys"
chmod 700 "$root/root/.ssh"
echo 'MaxSessions 100' >"$root/etc/ssh/sshd_config.d/ivsd-vm.conf"  # all on one connection
echo ivsd-vm >"$root/etc/hostname"
printf '127.0.0.1 localhost ivsd-vm\n10.0.3.2 host\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"
cat >"$root/etc/fstab" <<'FSTAB'
/dev/vda / ext4 rw,noatime 0 0
project /project 9p trans=virtio,version=9p2000.L,ro,nofail,x-systemd.device-timeout=20 0 0
FSTAB
for card in "mgmt 52:54:00:00:02:0f 10.0.2.15/24" "site 52:54:00:00:03:0f 10.0.3.15/24"; do
    set -- $card
    printf '[Match]\nMACAddress=%s\n[Network]\nAddress=%s\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' \
        "$2" "$3" >"$root/etc/systemd/network/$1.network"
done
install -m 644 "$here/guest/ready.service" "$root/etc/systemd/system/ivsd-vm-ready.service"
step units 60 chroot "$root" systemctl enable systemd-networkd ssh ivsd-vm-ready
step masks 60 chroot "$root" systemctl mask systemd-networkd-wait-online apt-daily.timer \
    apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap dpkg-db-backup.timer fstrim.timer

initrd=$work/initrd
mkdir -p "$initrd"/{bin,proc,sys,dev,newroot,modules}
cp /bin/busybox "$initrd/bin/"
install -m 755 "$here/guest/init" "$initrd/init"
count=100
modprobe -S "$kernel" -d "$root" --show-depends -a virtio_pci virtio_blk crc32c_generic ext4 |
    awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
    cp "$module" "$initrd/modules/$((count += 1))-$(basename "$module")"
done
(cd "$initrd" && find . | cpio -o -H newc --quiet | gzip -1) >"$out/initrd.gz"
cp "$work/kernel/boot/vmlinuz-$kernel" "$out/vmlinuz"

truncate -s $(($(du -sm "$root" | cut -f 1) + 1500))M "$out/base.raw"
step ext4 120 mkfs.ext4 -q -F -L root -d "$root" "$out/base.raw"
rm -rf "$image"
mv "$out" "$image"
say "built in $SECONDS s: $(du -sm "$root" | cut -f 1) MB"
done_with
