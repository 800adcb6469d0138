"""Which metrics a rule names, and whether anything of ours exports them."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = {"and", "or", "unless", "on", "ignoring", "by", "without", "group_left", "group_right", "bool", "offset", "inf", "nan"}
# Names of the contract whose sources are not built yet: reported, not failed.
TO_COME = {"socle_nvme_media_errors_total",
           "socle_nvme_percentage_used_ratio", "socle_nvme_available_spare_ratio", "socle_nvme_available_spare_threshold_ratio"}


def of(query):
    """The metric names in an expression."""
    text = re.sub(r'"(\\.|[^"\\])*"' + r"|'(\\.|[^'\\])*'", '""', query)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    found = re.findall(r"(?<![\w:.])([A-Za-z_:][\w:]*)(?!\s*\(|[\w:])", text)
    return {name for name in found if name.lower() not in WORDS}


def exported(pages):
    """What is on the pages, in the sources' own words, and in what they are expected to print."""
    found = {"up"}
    for text in [*pages, *(path.read_text() for path in ROOT.glob("agent/kernel/fixtures/**/*.prom"))]:
        found |= set(re.findall(r"^([A-Za-z_:][\w:]*)[ {]", text, re.M))
    for path in ROOT.glob("agent/*/src/**/*.rs"):
        code = path.read_text().split("#[cfg(test)]")[0]
        found |= set(re.findall(r'"((?:node|ipmi|socle)_\w+)"', code))
        # A table of names below one prefix: `format!("socle_nvme_{name}")`.
        for prefix in re.findall(r'"((?:node|ipmi|socle)_\w*)\{\w+\}"', code):
            found |= {prefix + name for name in re.findall(r'\("(\w+)"', code)}
    return found


def missing(rules, recorded, pages):
    """`{metric: rule}` for what no source exports and no rule records."""
    there = exported(pages) | recorded
    return {name: rule["name"] for rule in rules for name in of(rule["query"]) if name not in there}


def count(rules):
    """How many metrics all the rules name."""
    return len(set().union(*(of(rule["query"]) for rule in rules)))


def sources(socle):
    """The kernel sources that this build has: those that one collection reports on, and those it can be asked for."""
    names = {"cpu", "conntrack", "diskstats", "edac", "filefd", "filesystem", "loadavg", "mdadm", "meminfo", "netdev",
             "timex", "vmstat"}
    def known(name):
        done = subprocess.run([socle, "metrics", "--collect", name], capture_output=True, check=False, timeout=60)
        return done.returncode != 2
    return {name for name in names if known(name)}
