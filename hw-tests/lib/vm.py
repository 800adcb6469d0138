"""A Debian kernel in QEMU (software emulation only) with busybox, the ipmi drivers and our binaries.

    with vm.running(sim.serial, [path, …], forward={port_here: port_there}) as guest:
        status, output = guest.sh("ls /dev/ipmi0")

A port of the guest takes commands, so that tests go on asking while what they started runs.
Host and guest speak through loopback only (`restrict=on`).
"""

import base64
import contextlib
import gzip
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import ipmisim

HERE = pathlib.Path(__file__).resolve().parent
MODULES = ["e1000", "ipmi_msghandler", "ipmi_devintf", "ipmi_si"]
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /run /tmp /root; mount -t tmpfs run /run; mount -t tmpfs tmp /tmp
hostname bmc-guest
ifconfig lo 127.0.0.1 up
for m in {early}; do insmod /modules/$m.ko; done
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
nc -ll -p {port} -e /handler
poweroff -f
"""

# One command for each connection: "SECONDS BASE64" in, its output as base64 and its exit status out.
HANDLER = """#!/bin/sh
read -r seconds encoded || exit 0
here=$(mktemp -d /tmp/command.XXXXXX)
echo "$encoded" | base64 -d >$here/command
timeout "$seconds" sh $here/command >$here/output 2>&1 </dev/null
code=$?
gzip -1 -c $here/output | base64
rm -r $here
echo "END $code"
"""
SHELL_PORT = 2


def cache_folder():
    """Where the kernel package is kept between runs."""
    folder = pathlib.Path(os.environ.get("SOCLE_TEST_CACHE") or HERE.parent / ".cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kernel():
    """Folder of the unpacked kernel package that linux-image-amd64 depends on."""
    cache = cache_folder()
    found = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=True)
    package = re.search(r"Depends: (linux-image-\S+)", found.stdout)[1]
    tree = cache / package
    if not tree.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package],
                           cwd=temporary, check=True, capture_output=True)
            deb = next(pathlib.Path(temporary).glob("*.deb"))
            subprocess.run(["dpkg-deb", "-x", deb, pathlib.Path(temporary) / "tree"], check=True)
            with contextlib.suppress(OSError):  # somebody else was faster
                (pathlib.Path(temporary) / "tree").rename(tree)
    return tree


def libraries(program):
    """The files `ldd` lists for a program."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", said)))


def initramfs(folder, tree, programs, files, loaded):
    """A gzip'd cpio with busybox, modules, programs (`source: path in the guest`) and text files."""
    root = pathlib.Path(folder) / "root"
    for name in ("bin", "sbin", "usr/bin", "usr/sbin", "proc", "sys", "dev", "modules", "etc", "run", "tmp", "root"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")
    for module in MODULES:
        source = next(tree.rglob(module + ".ko*"), None)
        if source is None:
            raise RuntimeError(f"{module}.ko is not in {tree}")
        if source.suffix == ".xz":
            (root / "modules" / (module + ".ko")).write_bytes(
                subprocess.run(["xz", "-dc", source], capture_output=True, check=True).stdout)
        else:
            shutil.copy(source, root / "modules" / (module + ".ko"))
    for source, target in programs.items():
        for needed in [(source, target)] + [(lib, lib) for lib in libraries(source)]:
            destination = root / needed[1].lstrip("/")
            destination.parent.mkdir(parents=True, exist_ok=True)
            if not destination.exists():
                shutil.copy(os.path.realpath(needed[0]), destination)
    for target, text in files.items():
        destination = root / target.lstrip("/")
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_text(text)
    for name, text in (("init", INIT.format(early=" ".join(loaded), port=SHELL_PORT)), ("handler", HANDLER)):
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    names = b"\0".join(str(p.relative_to(root)).encode() for p in sorted(root.rglob("*")))
    packed = subprocess.run(["cpio", "--quiet", "--null", "-o", "-H", "newc"], cwd=root, input=names,
                            capture_output=True, check=True).stdout
    image = pathlib.Path(folder) / "initrd.gz"
    image.write_bytes(gzip.compress(packed, 1))
    shutil.rmtree(root)
    return image


class Guest:
    """A running guest; `sh` runs a command in it."""

    def __init__(self, folder, serial, programs, files, forward, loaded, bmc):
        folder = pathlib.Path(folder)
        tree = kernel()
        image = initramfs(folder, tree, programs, files, loaded)
        self.log = folder / "console.log"
        self.port = ipmisim.free_port()
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}"
                           for here, there in [(self.port, SHELL_PORT), *forward.items()])
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max", "-m", "1G",
                   "-smp", "2,sockets=2", "-display", "none", "-monitor", "none", "-no-reboot", "-nodefaults",
                   "-kernel", str(next((tree / "boot").glob("vmlinuz-*"))), "-initrd", str(image),
                   "-append", "console=ttyS0 quiet panic=-1", "-serial", f"file:{self.log}",
                   "-smbios", "type=1,manufacturer=Bull,product=BullSequana S800",
                   "-netdev", f"user,id=n0,restrict=on{forwards}", "-device", "e1000,netdev=n0,romfile="]
        if bmc:
            command += ["-chardev", f"socket,id=ipmi0,host=127.0.0.1,port={serial},reconnect=5",
                        "-device", "ipmi-bmc-extern,chardev=ipmi0,id=bmc0", "-device", "isa-ipmi-kcs,bmc=bmc0,irq=5"]
        self.errors = open(folder / "qemu.log", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors)
        self._booted()

    def _booted(self):
        end = time.monotonic() + 180
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"qemu ended: {(self.log.parent / 'qemu.log').read_text()}")
            with contextlib.suppress(OSError):
                if self.sh("true", 5)[0] == 0:
                    return
            time.sleep(0.3)
        raise RuntimeError(f"the guest never came up; console: {self.log.read_text(errors='replace')[-1500:]}")

    def sh(self, command, seconds=60):
        """Exit status and output (both streams, bytes) of a shell command in the guest; OSError when it
        does not answer."""
        encoded = base64.b64encode(command.encode())
        said = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds + 30) as s:
            s.sendall(b"%d %s\n" % (seconds, encoded))
            while not re.search(rb"END \d+\n\Z", said):
                data = s.recv(65536)
                if not data:
                    raise ConnectionError(f"the guest ended its answer to {command!r}")
                said += data
        body, _, code = said.rpartition(b"END ")
        return int(code), gzip.decompress(base64.b64decode(body))

    def load(self, *modules):
        """Load ipmi modules, in this order."""
        for module in modules:
            self.sh(f"insmod /modules/{module}.ko")

    def stop(self):
        """Pull the plug."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()


@contextlib.contextmanager
def running(serial, programs=None, files=None, forward=None, loaded=tuple(MODULES), bmc=True):
    """A guest for the length of a `with` block; `serial` is ipmi_sim's port."""
    with tempfile.TemporaryDirectory(prefix="socle-vm-") as folder:
        guest = Guest(folder, serial, programs or {}, files or {}, forward or {}, loaded, bmc)
        try:
            yield guest
        finally:
            guest.stop()
