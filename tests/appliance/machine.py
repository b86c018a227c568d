"""One virtual machine: Debian with systemd, uinput and gpio-sim, under software emulation.

It has two network cards: `mgmt`, which carries only our ssh, and `site`, on which the machine
reaches this host's loopback as `Machine.host`. Nothing else is reachable from inside.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
BUILD_IMAGE = Path(__file__).with_name("build-image.sh")

BUILD_WITHIN_S = 1500.0
BOOT_WITHIN_S = 300.0  # 14 s where nothing else runs
POWER_OFF_WITHIN_S = 20.0
QEMU_ENDS_WITHIN_S = 5.0
KERNEL_OPTIONS = (
    "console=ttyS0 quiet mitigations=off audit=0 selinux=0 apparmor=0 net.ifnames=0 "
    "systemd.show_status=0"
)


class MachineError(Exception):
    """The machine, or a command in it, did not do what it should; the text holds its output."""


def build_image() -> Path:
    """Build the machine's image, or find it built; return its folder. Takes about a minute."""
    try:
        done = subprocess.run(
            [str(BUILD_IMAGE)], stdout=subprocess.PIPE, text=True, timeout=BUILD_WITHIN_S
        )
    except subprocess.TimeoutExpired as e:
        raise MachineError(f"no image after {BUILD_WITHIN_S:.0f} s") from e
    if done.returncode != 0:
        raise MachineError("the image cannot be built, see above")
    return Path(done.stdout.strip())


class Machine:
    """Each has a disk of its own, thrown away with it; nothing is written to the image."""

    host = "10.0.3.2"
    """The address of this host's 127.0.0.1, as seen in the machine."""

    def __init__(self, image: Path) -> None:
        self._image = image
        self._folder = Path(tempfile.mkdtemp(prefix="ivsd-vm-"))
        self._qemu: subprocess.Popen[bytes] | None = None
        self._link: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.serial = self._folder / "serial.log"
        """What was written to the console since the last start."""
        atexit.register(self.close)

    # -- power --------------------------------------------------------------------------------

    def start(self, *, keep_disk: bool = False, clock: str = "utc") -> None:
        """Boot, with a new disk unless `keep_disk`; return when ssh answers.

        `clock` is what its hardware clock shows then: the time, or a moment such as 1970-01-02.
        """
        if self._qemu is not None:
            raise MachineError("the machine runs already")
        disk = self._folder / "disk.qcow2"
        if not keep_disk or not disk.exists():
            base = self._image / "base.raw"
            command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(base)]
            subprocess.run([*command, str(disk)], check=True, timeout=30)
        for old in ("qmp", "ssh"):
            (self._folder / old).unlink(missing_ok=True)
        self.serial.write_bytes(b"")
        with (self._folder / "qemu.log").open("wb") as log:
            # setpriv: should this process be killed, the kernel ends the machine with it.
            self._qemu = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._qemu_command(disk, clock)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise

    @property
    def boots(self) -> int:
        """How often this start has come up so far."""
        return len(re.findall(r"IVSD-VM READY", self.serial.read_text(errors="replace")))

    def wait_ready(self, *, boots: int = 1) -> None:
        """Wait until this start has come up `boots` times: 2 after a reboot from inside."""
        end = time.monotonic() + BOOT_WITHIN_S
        while self.boots < boots:
            if self._qemu is None or self._qemu.poll() is not None:
                raise MachineError(f"qemu ended:\n{self._tail('qemu.log')}")
            if time.monotonic() > end:
                lines = self._tail("serial.log")
                raise MachineError(f"not up after {BOOT_WITHIN_S:.0f} s; the console:\n{lines}")
            time.sleep(0.1)
        self._connect(end)

    def stop(self) -> None:
        """Switch off cleanly; cut the power if that takes too long. Harmless when it is off."""
        if self._qemu is not None:
            with contextlib.suppress(MachineError):
                self.run("systemctl poweroff", check=False, timeout_s=10)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._qemu.wait(POWER_OFF_WITHIN_S)
        self.kill()

    def kill(self) -> None:
        """Cut the power. Harmless when it is off."""
        for process in (self._link, self._qemu):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(QEMU_ENDS_WITHIN_S)
        self._link = self._qemu = None

    def close(self) -> None:
        """Cut the power and throw the disk away."""
        atexit.unregister(self.close)
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- inside -------------------------------------------------------------------------------

    def run(self, command: str, *, check: bool = True, timeout_s: float = 60.0) -> str:
        """Run a shell command as root; return what it wrote to stdout.

        MachineError with all that it wrote if it fails (unless `check` is off) or takes longer.
        """
        short = command if len(command) < 200 else f"{command[:200]}…"
        process = subprocess.Popen(
            self._ssh(command),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace",
        )  # fmt: skip
        with process:
            try:
                output, errors = process.communicate(timeout=timeout_s)
            except BaseException as e:
                process.kill()
                output, errors = process.communicate()
                if not isinstance(e, subprocess.TimeoutExpired):
                    raise
                raise MachineError(
                    f"not done after {timeout_s:.0f} s: {short}\n{output}{errors}"
                ) from e
        if check and process.returncode != 0:
            raise MachineError(f"exit {process.returncode}: {short}\n{output}{errors}")
        return output

    def spawn(self, command: str) -> subprocess.Popen[str]:
        """Start a shell command as root, with pipes to its stdin and stdout, line by line.

        The command should end when its stdin does: ending the Popen does not end it.
        """
        return subprocess.Popen(
            self._ssh(command),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def write(self, path: str, text: str, *, group: str = "ivsd", mode: str = "640") -> None:
        """Write a file of root's and this group's, and the folders it needs."""
        coded = base64.b64encode(text.encode()).decode()
        self.run(f"echo {coded} | base64 -d | install -D -g {group} -m {mode} /dev/stdin {path}")

    def monitor(self, command: str) -> str:
        """Run a command of qemu's monitor, such as `device_del card` or `set_link site off`."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            try:
                sock.connect(str(self._folder / "qmp"))
                with sock.makefile("rw") as stream:
                    stream.readline()  # qemu's greeting
                    _qmp(stream, "qmp_capabilities")
                    answer = _qmp(stream, "human-monitor-command", {"command-line": command})
            except OSError as e:
                raise MachineError(f"qemu's monitor does not answer: {e}") from e
        text = str(answer).replace("\r\n", "\n")
        if text.startswith("Error:"):
            raise MachineError(f"{command}: {text.strip()}")
        return text

    # -- how ----------------------------------------------------------------------------------

    def _qemu_command(self, disk: Path, clock: str) -> list[str]:
        share = f"local,path={PROJECT},mount_tag=project,security_model=none,readonly=on"
        return [
            "qemu-system-x86_64",
            # KVM inside another virtual machine may hang, and qemu does not notice.
            *("-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
            *("-smp", "2", "-m", "1024", "-nodefaults", "-display", "none"),
            *("-rtc", f"base={clock}"),
            *("-kernel", str(self._image / "vmlinuz"), "-initrd", str(self._image / "initrd.gz")),
            *("-append", KERNEL_OPTIONS),
            *("-drive", f"file={disk},if=virtio,cache=writeback", "-device", "virtio-rng-pci"),
            *("-serial", f"file:{self.serial}", "-qmp", f"unix:{self._folder}/qmp,server,nowait"),
            *("-device", "qemu-xhci,id=xhci"),
            # Port 0: any free one; `info usernet` tells which.
            "-netdev",
            "user,id=mgmt,net=10.0.2.0/24,restrict=on,hostfwd=tcp:127.0.0.1:0-10.0.2.15:22",
            *("-device", "virtio-net-pci,netdev=mgmt,mac=52:54:00:00:02:0f"),
            *("-netdev", f"user,id=site,net=10.0.3.0/24,host={self.host}"),
            *("-device", "virtio-net-pci,netdev=site,mac=52:54:00:00:03:0f"),
            *("-virtfs", share),
        ]  # fmt: skip

    def _connect(self, end: float) -> None:
        """Open the one connection that all commands share."""
        found = re.search(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)", self.monitor("info usernet"))
        if found is None:
            raise MachineError("qemu does not say which port leads to ssh")
        self._port = int(found[1])
        while not self._open_link():
            if time.monotonic() > end:
                said = self._tail("ssh.log")
                raise MachineError(f"the machine is up, but ssh does not answer: {said}")
            time.sleep(0.2)

    def _open_link(self) -> bool:
        """Try once, within the limit that ssh is given."""
        if self._link is not None:
            self._link.kill()
            self._link.wait(QEMU_ENDS_WITHIN_S)
        control = self._folder / "ssh"
        control.unlink(missing_ok=True)
        with (self._folder / "ssh.log").open("wb") as log:
            self._link = subprocess.Popen(
                [*self._ssh(), "-N", "-o", "ControlMaster=yes"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        while self._link.poll() is None:
            if control.exists():
                return True
            time.sleep(0.05)
        return False

    def _ssh(self, *command: str) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "60",
            "ControlPath": self._folder / "ssh",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        key = str(self._image / "key")
        return [
            *("ssh", "-F", "none", "-i", key, "-p", str(self._port)),
            *words,
            "root@127.0.0.1",
            *command,
        ]

    def _tail(self, name: str) -> str:
        return (self._folder / name).read_text(errors="replace")[-3000:]


def _qmp(stream: Any, command: str, arguments: dict[str, str] | None = None) -> object:
    stream.write(json.dumps({"execute": command, "arguments": arguments or {}}) + "\n")
    stream.flush()
    for line in stream:
        answer = json.loads(line)
        if "error" in answer:
            raise MachineError(f"{command}: {answer['error']['desc']}")
        if "return" in answer:  # else an event, of which qemu tells at any time
            return answer["return"]
    raise MachineError(f"{command}: qemu's monitor closed")
