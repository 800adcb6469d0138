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


def collectors(text):
    """`{collector: what the guide says of it here}`."""
    return dict(re.findall(r"^\| `--collector\.(\w+)` \| [\w ]+ \| (.+) \|$", text, re.M))


def guide():
    """The guide's text."""
    return (ROOT / "docs/migration.md").read_text()


def diffed(checks, socle, theirs, ours):
    """The guide's proof on this host: with its --ignore lines `socle metrics diff` has nothing to say."""
    text = guide()
    command = re.search(r"^socle metrics diff .*?(?<!\\)$", text, re.M | re.S).group(0)
    ignored = re.findall(r"--ignore '([^']*)'", command)
    done = subprocess.run([socle, "metrics", "diff", f"http://{theirs}/metrics", f"http://{ours}/metrics/node",
                           *(word for regex in ignored for word in ("--ignore", regex))],
                          capture_output=True, text=True, check=False, timeout=60)
    left = done.stdout.splitlines()
    missing = [name for name, here in collectors(text).items() if not here.startswith("not there") and not has_source(socle, name)]
    if missing:
        print(f"skipped: socle metrics diff as in the migration guide: {len(left)} lines while {len(missing)} collectors are not built yet")
    else:
        checks.that(ignored and done.returncode == 0, "socle metrics diff as in the migration guide: nothing else differs",
                    "\n".join([*left[:40], done.stderr]))


def check(checks, socle):
    """The guide against the programs."""
    text = guide()
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
    checks.that(len(collectors(text)) > 60, f"{len(collectors(text))} collectors in the migration guide")
    for name, here in collectors(text).items():
        if here.startswith("not there") or has_source(socle, name):
            checks.that(here.startswith("not there") != has_source(socle, name), f"collector {name}: {here.split(':')[0]}, as the guide says")
        else:
            print(f"skipped: the migration guide names the collector {name}, which is not built yet")
    for flag in sorted(ours):
        checks.that(flag in keys, f"the filter {flag} is in the migration guide")
    for program in ("prometheus-node-exporter", "prometheus-ipmi-exporter"):
        absent = sorted(flag for flag in their_flags(program) if not re.search(rf"`--{re.escape(flag)}[`= ]", text))
        checks.that(not absent, f"every flag of {program} here is in the migration guide", ", ".join(absent))
    for block in re.findall(r"```toml\n(.*?)```", text, re.S):
        said = accepted(socle, block)
        checks.that(not said, f"`socle check` takes the guide's example {block.splitlines()[0]!r}", said)
