"""Reads pages in Prometheus' text format and compares two of one host, independently of socle's own code."""
import dataclasses
import re

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')

# Values that stay as they are from one collection to the next on a host that is left alone; everything
# else counts, measures or tells the time, and only its name, labels and type are compared.
STATIC = re.compile(
    r"^(node_memory_(MemTotal|SwapTotal|Hugepagesize|HugePages_Total|VmallocTotal|CommitLimit)_bytes"
    r"|node_memory_HugePages_Total|node_boot_time_seconds|node_filesystem_(size_bytes|files|readonly|device_error)"
    r"|node_network_.*_info|node_cpu_(info|core_throttles_total|package_throttles_total)"
    r"|node_hwmon_(chip_names|sensor_label|temp_(max|crit)_celsius)|node_disk_info|node_edac_.*"
    r"|node_scrape_collector_success|ipmi_(up|bmc_info|.*_state)|socle_(source_up|degraded|component_status|clocksource_ok))$")


@dataclasses.dataclass
class Page:
    """`series`: (name, sorted label pairs) -> value; `types`: family -> type."""
    series: dict
    types: dict


def read(text):
    """A page; ValueError names the line that is none."""
    page = Page({}, {})
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ", 3)
            page.types[family] = kind
        if not line or line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        if not match:
            raise ValueError(f"not a sample: {line!r}")
        name, labels, value = match.groups()
        key = (name, tuple(sorted(LABEL.findall(labels or ""))))
        if key in page.series:
            raise ValueError(f"twice on the page: {line!r}")
        page.series[key] = float(value)
    return page


def spell(key):
    """A series as the page writes it."""
    name, labels = key
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels) + "}"


def differences(left, right):
    """[(what is compared, what differs)] for two pages of one host."""
    missing = [spell(key) for key in left.series.keys() - right.series.keys()]
    extra = [spell(key) for key in right.series.keys() - left.series.keys()]
    types = [f"{family}: {left.types.get(family)}, {right.types.get(family)}"
             for family in left.types.keys() | right.types.keys() if left.types.get(family) != right.types.get(family)]
    both = [key for key in left.series.keys() & right.series.keys() if STATIC.match(key[0])]
    values = [f"{spell(key)}: {left.series[key]}, {right.series[key]}" for key in both
              if left.series[key] != right.series[key] and not (left.series[key] != left.series[key] and right.series[key] != right.series[key])]
    return [("no series missing", sorted(missing)), ("no series extra", sorted(extra)), ("types", sorted(types)),
            (f"{len(both)} static values", sorted(values) if both else ["none was compared"])]
