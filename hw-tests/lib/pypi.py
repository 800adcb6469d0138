"""A virtual environment with one package of PyPI, kept under the build folder."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def python(package):
    """The interpreter that has the package; None where it cannot be had."""
    venv = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / f"pypi-{package}"
    interpreter = venv / "bin" / "python"
    if not (venv / "done").exists():
        made = subprocess.run([sys.executable, "-m", "venv", venv], capture_output=True, check=False).returncode
        if made or subprocess.run([interpreter, "-m", "pip", "install", "-q", package], capture_output=True, check=False).returncode:
            return None
        (venv / "done").touch()
    return str(interpreter)
