#!/usr/bin/env bash
# Copyright the socle authors. SPDX-License-Identifier: Apache-2.0
#
# systemd as PID 1 of namespaces of its own, up in about a second: for kill tests by the thousand, where a VM
# is too slow. The box has its own mounts, PIDs, network (lo only), IPC, UTS and cgroup root; the kernel, the
# loop devices and /sys are this machine's.
#   systemd_box.sh start ROOT NAME       boots ROOT, a folder that the box may change; waits for it
#   systemd_box.sh exec NAME COMMAND...  runs a command inside
#   systemd_box.sh pid NAME              the box's PID 1 as this machine numbers it
#   systemd_box.sh kill9 NAME            a power cut as far as processes go (files stay)
#   systemd_box.sh stop NAME             kills it and removes what it left outside ROOT
# ROOT comes from `debian_image root` (make a copy). Run as root. Memory and CPU limits of units hold only
# where the controllers are on cgroup v2; never tune or erase in a box except net.* and loop devices.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
state=${BOX_STATE:-/run/socle-box}
[ "$(id -u)" = 0 ] || { echo "systemd_box.sh: needs root" >&2; exit 2; }
mkdir -p "$state"

# Where cgroup v2 is: mounted by this machine, or else mounted by us for the box alone.
cgroup2() {
  local at
  at=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
  if [ -z "$at" ]; then
    at=$state/cgroup2
    mkdir -p "$at"
    mount -t cgroup2 cgroup2 "$at"
  fi
  echo "$at"
}

pid_of() { cat "$state/$1.pid" 2>/dev/null || { echo "systemd_box.sh: no box $1 here" >&2; exit 1; }; }

inside() { # NAME COMMAND...
  local pid
  pid=$(pid_of "$1")
  shift
  nsenter -t "$pid" -m -p -n -u -i -C -r -w -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

# Runs as the first process of the new namespaces, becomes systemd.
first_process() {
  set -e
  local root=$1 device name major minor
  mount --bind "$root" "$root"
  cd "$root"
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs tmpfs tmp
  mount -t tmpfs -o mode=755 tmpfs dev
  for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<<"$device"
    mknod -m 666 "dev/$name" c "$major" "$minor"
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  for device in /dev/loop[0-9]* /dev/loop-control; do
    [ ! -e "$device" ] || cp -a "$device" dev/
  done
  ip link set lo up
  hostname box
  cat /proc/sys/kernel/random/uuid >run/boot_id
  mount --bind run/boot_id proc/sys/kernel/random/boot_id
  mkdir -p .old
  pivot_root . .old
  umount -l /.old
  mount --make-rshared /
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=box TERM=dumb \
    /lib/systemd/systemd --log-target=journal --show-status=0 </dev/null >/dev/null 2>&1
}

start() { # ROOT NAME
  local root name=$2 group pid='' outer said=''
  root=$(realpath "$1")
  group=$(cgroup2)/box-$name
  mkdir -p "$group"
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    exec setsid unshare --mount --pid --fork --net --uts --ipc --cgroup --propagation private \
      bash -c "$(declare -f first_process); first_process \"\$1\"" _ "$root"
  ) </dev/null >"$state/$name.log" 2>&1 &
  outer=$!
  for _ in $(seq 200); do
    pid=$(pgrep -P "$outer" -x systemd | head -1 || true)
    [ -z "$pid" ] || break
    sleep 0.05
  done
  if [ -z "$pid" ]; then
    cat "$state/$name.log" >&2
    echo "systemd_box.sh: $name: no PID 1 after 10 s" >&2
    return 1
  fi
  echo "$pid" >"$state/$name.pid"
  for _ in $(seq 300); do
    said=$(inside "$name" systemctl is-system-running 2>/dev/null || true)
    case $said in running | degraded) echo "$name: $said, pid $pid"; return 0 ;; esac
    sleep 0.1
  done
  echo "systemd_box.sh: $name: ${said:-not answering} after 30 s" >&2
  return 1
}

cut_power() { # NAME
  local pid
  pid=$(pid_of "$1")
  kill -9 "$pid" 2>/dev/null || true
  for _ in $(seq 100); do
    [ -e "/proc/$pid" ] || return 0
    sleep 0.05
  done
}

case ${1:-} in
start) start "$2" "$3" ;;
exec) shift; inside "$@" ;;
pid) pid_of "$2" ;;
kill9) cut_power "$2" ;;
stop)
  cut_power "$2"
  find "$(cgroup2)/box-$2" -depth -type d -exec rmdir {} + 2>/dev/null || true
  rm -f "$state/$2.pid" "$state/$2.log"
  ;;
*) sed -n '4,15p' "$0" >&2; exit 2 ;;
esac
