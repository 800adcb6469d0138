"""Keeps docs/migration.md honest: its keys are accepted, its lists of flags are whole."""

import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def our_flags():
    """`{flag: what it takes}` of every kernel source, from its own words."""
    found = {}
    for path in ROOT.glob("agent/kernel/src/**/*.rs"):
        found |= dict(re.findall(r'\("([a-z_0-9]+\.[\w.-]+)",\s*Takes::(\w+)\)', path.read_text()))
    return found


def their_flags(program):
    """The long flags that a program's help lists."""
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    found = set(re.findall(r"^\s+(?:-\w, )?--(?:\[no-\])?([a-z][\w.-]+)", done.stdout + done.stderr, re.M))
    return found - {"help-long", "help-man"}


def accepted(socle, text):
    """What `socle check` says of a configuration; empty when it takes it."""
    with tempfile.TemporaryDirectory(prefix="socle-guide-") as folder:
        path = pathlib.Path(folder, "socle.toml")
        path.write_text(text)
        done = subprocess.run([socle, "check", path], capture_output=True, text=True, check=False, timeout=60)
        return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


def has_source(socle, name):
    """Whether this build has such a kernel source."""
    done = subprocess.run([socle, "metrics", "--collect", name], capture_output=True, text=True, check=False, timeout=60)
    return "there is no source" not in done.stderr


def check(checks, socle):
    """The guide against the programs."""
    text = (ROOT / "docs/migration.md").read_text()
    ours = our_flags()
    checks.that(len(ours) > 15, f"{len(ours)} filters found in agent/kernel")
    keys = set(re.findall(r'filters\."([\w.-]+)"', text))
    for key in sorted(keys):
        value = "true" if ours.get(key) == "Switch" else '"^x$"'
        said = accepted(socle, f'[metrics.filters]\n"{key}" = {value}\n')
        if said and not has_source(socle, key.split(".")[0]):
            print(f"skipped: the migration guide names the filter {key}, whose source is not built yet")
        else:
            checks.that(not said, f"the filter {key} of the migration guide is accepted", said)
    for flag in sorted(ours):
        checks.that(flag in keys, f"the filter {flag} is in the migration guide")
    for program in ("prometheus-node-exporter", "prometheus-ipmi-exporter"):
        absent = sorted(flag for flag in their_flags(program) if not re.search(rf"`--{re.escape(flag)}[`= ]", text))
        checks.that(not absent, f"every flag of {program} here is in the migration guide", ", ".join(absent))
    for block in re.findall(r"```toml\n(.*?)```", text, re.S):
        said = accepted(socle, block)
        checks.that(not said, f"`socle check` takes the guide's example {block.splitlines()[0]!r}", said)
