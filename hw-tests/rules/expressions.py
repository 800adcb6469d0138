"""The usual alert expressions of node_exporter's node-mixin (version 1.11, thresholds as it has them).

Each is evaluated on our series and on node_exporter's, as it stands and without its comparison, so that
an alert which is quiet on both sides is seen to rest on series that are there. `%s` is the selector.
"""

import dataclasses
import re

# In place of the mixin's 2 minutes to 6 hours.
WINDOW = "20s"


@dataclasses.dataclass(frozen=True)
class Alert:
    """`inner` is `full` without what makes it quiet; values of both sides differ by `absolute` or by
    `relative` at most: what moves between the two scrapes of a second, and how rates extrapolate."""

    name: str
    collectors: tuple
    full: str
    inner: str
    absolute: float = 0.0
    relative: float = 0.0


FS = '%s,fstype!="",mountpoint!=""'
SPACE = f"node_filesystem_avail_bytes{{{FS}}} / node_filesystem_size_bytes{{{FS}}} * 100"
FILES = f"node_filesystem_files_free{{{FS}}} / node_filesystem_files{{{FS}}} * 100"
WRITABLE = f"node_filesystem_readonly{{{FS}}} == 0"
ERRORS = "rate(node_network_{0}_errs_total{{%s}}[2m]) / rate(node_network_{0}_packets_total{{%s}}[2m])"
DROPS = "rate(node_network_{0}_drop_total{{%s}}[2m]) / rate(node_network_{0}_packets_total{{%s}}[2m])"
RECEIVE, TRANSMIT = ERRORS.format("receive"), ERRORS.format("transmit")
CPU = 'sum without(mode) (avg without (cpu) (rate(node_cpu_seconds_total{%s, mode!~"idle|iowait"}[2m]))) * 100'
LOAD = 'node_load1{%s} / count without (cpu, mode) (node_cpu_seconds_total{%s, mode="idle"})'
MEMORY = "100 - (node_memory_MemAvailable_bytes{%s} / node_memory_MemTotal_bytes{%s} * 100)"
DISK = 'rate(node_disk_io_time_weighted_seconds_total{%s, device!=""}[5m])'
FAULTS = "rate(node_vmstat_pgmajfault{%s}[5m])"
FDS = "node_filefd_allocated{%s} * 100 / node_filefd_maximum{%s}"
CONNTRACK = "node_nf_conntrack_entries{%s} / node_nf_conntrack_entries_limit"
RAID = ('node_md_disks_required{%s,device!=""} - ignoring (state) '
        '(node_md_disks{state="active",%s,device!=""})')
FAILED = 'node_md_disks{state="failed",%s,device!=""}'
SKEW = ("(node_timex_offset_seconds{%s} > 0.05 and deriv(node_timex_offset_seconds{%s}[5m]) >= 0) or "
        "(node_timex_offset_seconds{%s} < -0.05 and deriv(node_timex_offset_seconds{%s}[5m]) <= 0)")
SYNC = "min_over_time(node_timex_sync_status{%s}[5m]) == 0 and node_timex_maxerror_seconds{%s} >= 16"
CORRECTED = "increase(node_edac_correctable_errors_total{%s}[5m])"
UNCORRECTED = "node_edac_uncorrectable_errors_total{%s}"

ALERTS = [
    Alert("NodeFilesystemSpaceFillingUp", ("filesystem",),
          f"{SPACE} < 40 and predict_linear(node_filesystem_avail_bytes{{{FS}}}[6h], 24*60*60) < 0 and {WRITABLE}",
          f"{SPACE} and {WRITABLE}", absolute=0.5),
    Alert("NodeFilesystemAlmostOutOfSpace", ("filesystem",), f"{SPACE} < 5 and {WRITABLE}", SPACE, absolute=0.5),
    Alert("NodeFilesystemFilesFillingUp", ("filesystem",),
          f"{FILES} < 40 and predict_linear(node_filesystem_files_free{{{FS}}}[6h], 24*60*60) < 0 and {WRITABLE}",
          f"{FILES} and {WRITABLE}", absolute=0.5),
    Alert("NodeFilesystemAlmostOutOfFiles", ("filesystem",), f"{FILES} < 5 and {WRITABLE}", FILES, absolute=0.5),
    Alert("NodeNetworkReceiveErrs", ("netdev",), f"{RECEIVE} > 0.01", RECEIVE, absolute=0.002, relative=0.1),
    Alert("NodeNetworkTransmitErrs", ("netdev",), f"{TRANSMIT} > 0.01", TRANSMIT, absolute=0.002, relative=0.1),
    Alert("NodeNetworkReceiveDrops", ("netdev",), DROPS.format("receive") + " > 0.01", DROPS.format("receive"),
          absolute=0.002, relative=0.1),
    Alert("NodeHighNumberConntrackEntriesUsed", ("conntrack",), f"{CONNTRACK} > 0.75", CONNTRACK, absolute=0.01),
    Alert("NodeClockSkewDetected", ("timex",), SKEW, "node_timex_offset_seconds{%s}", absolute=0.01),
    Alert("NodeClockNotSynchronising", ("timex",), SYNC, "min_over_time(node_timex_sync_status{%s}[5m])"),
    Alert("NodeClockMaxError", ("timex",), "node_timex_maxerror_seconds{%s} >= 16", "node_timex_maxerror_seconds{%s}",
          absolute=0.01),
    Alert("NodeRAIDDegraded", ("mdadm",), f"{RAID} > 0", RAID),
    Alert("NodeRAIDDiskFailure", ("mdadm",), f"{FAILED} > 0", FAILED),
    Alert("NodeFileDescriptorLimit", ("filefd",), f"{FDS} > 70", FDS, absolute=1.0, relative=0.1),
    Alert("NodeCPUHighUsage", ("cpu",), f"{CPU} > 90", CPU, absolute=4.0, relative=0.03),
    Alert("NodeSystemSaturation", ("loadavg", "cpu"), f"{LOAD} > 2", LOAD, absolute=0.3, relative=0.1),
    Alert("NodeMemoryMajorPagesFaults", ("vmstat",), f"{FAULTS} > 500", FAULTS, absolute=20, relative=0.1),
    Alert("NodeMemoryHighUtilization", ("meminfo",), f"{MEMORY} > 90", MEMORY, absolute=2.0),
    Alert("NodeDiskIOSaturation", ("diskstats",), f"{DISK} > 10", DISK, absolute=0.1, relative=0.1),
    Alert("MemoryCorrectableErrors", ("edac",), f"{CORRECTED} > 10", CORRECTED, absolute=2, relative=0.1),
    Alert("MemoryUncorrectableErrors", ("edac",), f"{UNCORRECTED} > 0", UNCORRECTED),
]


def asked(text, job):
    """An expression for one job, over a window that this test fills: a rate over more than what was scraped
    is the same series seen through a smaller number."""
    return re.sub(r"\[(\d+[mh])\]", f"[{WINDOW}]", text).replace("%s", f'job="{job}"')
