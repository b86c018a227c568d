"""The daemon as a process of its own: start, memory, idle cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from ivsd.valt.simulator import Simulator

CONFIG = """
valt: {{url: "{url}", username: admin, password: admin, verify: {verify}}}
room: 4
controls: {{record: record_toggle, pause: pause_toggle, marker: marker, lock: lock_toggle}}
inputs:
  keyboards:
    - {{name: reader, match: {{name: no such reader}}, role: badge}}
  buttons:
    - {{control: record, line: 17, chip: no-such-chip}}
lights:
  lamps:
    - {{name: status, kind: rgb, lines: [1, 2, 3], chip: no-such-chip}}
"""


@contextmanager
def _daemon(url: str, verify: str) -> Iterator[tuple[int, float]]:
    """Run `ivsd run`; yield its pid and the seconds from the start to READY=1."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
    ):
        config = Path(folder) / "ivsd.yaml"
        config.write_text(CONFIG.format(url=url, verify=verify))
        notify.bind(str(Path(folder) / "notify"))
        notify.settimeout(20)
        environment = {**os.environ, "NOTIFY_SOCKET": str(Path(folder) / "notify")}
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "ivsd", "run", "--config", str(config)],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
            yield process.pid, time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def start_without_network(runs: int = 5) -> None:
    took = []
    for _ in range(runs):
        with _daemon("https://valt.invalid", "true") as (_, seconds):
            took.append(seconds)
    took.sort()
    print(f"start -> ready, no server: median {took[runs // 2]:.2f} s of {runs}, goal <= 0.5")


def _status(pid: int, key: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(key)))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wakeups(pid: int) -> int:
    return sum(_status(int(task.name), "voluntary") for task in Path(f"/proc/{pid}/task").iterdir())


def memory_and_idle(idle_s: float) -> None:
    """Over TLS, with every appliance package imported and all devices missing."""
    authority = trustme.CA()
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Simulator(ssl_context=context) as simulator, tempfile.TemporaryDirectory() as folder:
        ca = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca))
        with _daemon(simulator.url, str(ca)) as (pid, _):
            time.sleep(5)
            polls = sum(exchange.path.endswith("/status") for exchange in simulator.requests)
            rss = _status(pid, "VmRSS") / 1024
            print(f"RSS after log-in ({polls} polls): {rss:.1f} MiB, goal <= 52")
            before, woken = _cpu_s(pid), _wakeups(pid)
            time.sleep(idle_s)
            cpu = (_cpu_s(pid) - before) / idle_s
            rate = (_wakeups(pid) - woken) / idle_s
            print(
                f"idle for {idle_s:.0f} s at a 1 s poll over TLS: {100 * cpu:.2f} % of one core, "
                f"{rate:.1f} wake-ups/s, goal <= 0.5 %"
            )
