"""A made-up /proc and /sys of a machine that is badly off in every way node-mixin knows, and gets worse.

Counters are written in place with a fixed number of digits, twice a second, because a reader that keeps
its descriptors (as we do, and as the kernel's files allow) never sees a file that was renamed into place.
"""

import os
import pathlib
import threading
import time

MDSTAT = """Personalities : [raid1]
md0 : active raid1 sda1[0] sdb1[2](F)
      9766912 blocks super 1.2 [2/1] [U_]

md1 : active raid1 sdc1[0] sdd1[1]
      9766912 blocks super 1.2 [2/2] [UU]

unused devices: <none>
"""
MEMINFO = """MemTotal:       16000000 kB
MemFree:          200000 kB
MemAvailable:     640000 kB
Buffers:           10000 kB
Cached:           400000 kB
SwapTotal:             0 kB
SwapFree:              0 kB
"""
STILL = {
    "proc/mdstat": MDSTAT,
    "proc/meminfo": MEMINFO,
    "proc/loadavg": "9.50 8.00 7.00 3/300 4242\n",
    "proc/sys/fs/file-nr": "9500\t0\t10000\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "900\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "1000\n",
    "proc/sys/kernel/hostname": "world\n",
    "proc/cpuinfo": "".join(f"processor\t: {n}\nvendor_id\t: GenuineIntel\nphysical id\t: 0\ncore id\t: {n}\n\n"
                            for n in range(2)),
    "sys/devices/system/edac/mc/mc0/ue_count": "2\n",
    "sys/devices/system/edac/mc/mc0/ue_noinfo_count": "0\n",
    "sys/devices/system/edac/mc/mc0/ce_noinfo_count": "0\n",
    "sys/devices/system/edac/mc/mc0/csrow0/ce_count": "0\n",
    "sys/devices/system/edac/mc/mc0/csrow0/ue_count": "2\n",
    "sys/devices/system/cpu/cpu0/topology/core_id": "0\n",
    "sys/devices/system/cpu/cpu0/topology/physical_package_id": "0\n",
    "sys/devices/system/cpu/cpu1/topology/core_id": "1\n",
    "sys/devices/system/cpu/cpu1/topology/physical_package_id": "0\n",
}


def moving(seconds):
    """Files whose counters have grown for that long: 97 % busy, 5 % errors, a queue of 15, ECC errors."""
    def n(rate, start=10_000_000):
        return f"{start + int(rate * seconds):d}"

    def cpu(name):
        return f"{name} {n(90)} {n(0)} {n(7)} {n(3)} {n(0)} {n(0)} {n(0)} {n(0)} {n(0)} {n(0)}\n"

    net = " ".join([n(1e6), n(1000), n(50), n(30), "0", "0", "0", "0", n(1e6), n(1000), n(40), "0", "0", "0", "0", "0"])
    zeros = " ".join(["0"] * 16)
    return {
        "proc/stat": cpu("cpu ") + cpu("cpu0") + cpu("cpu1") +
                     f"intr {n(100)}\nctxt {n(1000)}\nbtime 1700000000\nprocesses {n(1)}\nprocs_running 3\nprocs_blocked 1\n",
        "proc/net/dev": "Inter-|   Receive                                                |  Transmit\n"
                        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop"
                        f" fifo colls carrier compressed\n  eno1: {net}\n    lo: {zeros}\n",
        "proc/diskstats": f"   8       0 sda {n(10)} 0 {n(80)} {n(100)} {n(10)} 0 {n(80)} {n(100)} 12 {n(900)} {n(15000)}\n",
        "proc/vmstat": f"nr_free_pages 50000\npgpgin {n(10)}\npgpgout {n(10)}\npswpin {n(0)}\npswpout {n(0)}\n"
                       f"pgfault {n(5000)}\npgmajfault {n(900)}\noom_kill 0\n",
        "sys/devices/system/edac/mc/mc0/ce_count": n(2, 1_000_000) + "\n",
    }


class World:
    """The tree under `folder`, growing worse until the block ends."""

    def __init__(self, folder):
        self.folder, self.end = pathlib.Path(folder), threading.Event()
        for path, text in {**STILL, **moving(0)}.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        for path in ("etc", "run", "sys/class/net/eno1", "sys/class/net/lo", "sys/block/sda"):
            (self.folder / path).mkdir(parents=True, exist_ok=True)
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        begun = time.monotonic()
        files = {path: os.open(self.folder / path, os.O_WRONLY) for path in moving(0)}
        while not self.end.wait(0.5):
            for path, text in moving(time.monotonic() - begun).items():
                os.pwrite(files[path], text.encode(), 0)
        for file in files.values():
            os.close(file)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
