"""A systemd box (hw-tests/lib/systemd_box.sh) in which the package is installed."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
LIB = TREE / "hw-tests/lib"


def newest_package():
    """The package under test: $SOCLE_DEB, else what `make package` left."""
    named = os.environ.get("SOCLE_DEB")
    found = [pathlib.Path(named)] if named else sorted(
        (TREE / "target/package").glob("socle_*_amd64.deb"), key=lambda path: path.stat().st_mtime)
    if not found or not found[-1].exists():
        sys.exit("no package: run `make package` first, or name one in SOCLE_DEB")
    return found[-1].resolve()


class Box:
    """Boots a copy of the test root and installs `package`; all of it is gone at the end."""

    def __init__(self, package):
        self.package = package
        self.name = f"kills{os.getpid()}"

    def __enter__(self):
        base = subprocess.run([LIB / "debian_image", "root"], check=True, stdout=subprocess.PIPE, text=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="socle-box-"))
        self.root = self.folder / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", base.stdout.strip(), self.root], check=True)
        shutil.copy(self.package, self.root / "root/socle.deb")
        try:
            self.script("start", self.root, self.name)
            self.pid = int(self.script("pid", self.name))
            self.run("dpkg", "-i", "/root/socle.deb")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([LIB / "systemd_box.sh", "stop", self.name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def script(*words):
        """What systemd_box.sh prints; an error, with its words, if it fails."""
        done = subprocess.run([LIB / "systemd_box.sh", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"{words}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def run(self, *command):
        """What a command inside prints."""
        return self.script("exec", self.name, *command)

    def properties(self, unit, *names):
        """Properties of a unit, by name."""
        shown = self.run("systemctl", "show", unit, "-p", ",".join(names))
        return dict(line.split("=", 1) for line in shown.splitlines())

    def property(self, unit, name):
        """One property of a unit."""
        return self.properties(unit, name)[name]

    @staticmethod
    def clock():
        """Seconds on the clock that the scrapers use too."""
        return time.monotonic()
