#!/bin/sh
# Run a real systemd as PID 1 of namespaces of its own, in a cgroup of its own: pid1.sh NAME UNITS
#
# To be started in a mount namespace of its own. It shares the network and the files with the
# machine, but not /run, /sys/fs/cgroup and the pids; /etc and the kernel's settings are read-only,
# /etc/systemd/system is the folder UNITS. Whoever kills it ends all that it has started.
set -eu
name=$1 units=$2

if [ "${3:-}" = inside ]; then
    mount --make-rprivate /
    mount -t proc proc /proc
    mount --bind /proc/sys /proc/sys
    mount -o remount,bind,ro /proc/sys
    mount --bind /etc /etc
    mount -o remount,bind,ro /etc
    mount --bind "$units" /etc/systemd/system
    mount -t tmpfs -o mode=755 tmpfs /run
    umount --recursive /sys/fs/cgroup 2>/dev/null || true
    mount -t cgroup2 none /sys/fs/cgroup
    exec env -i container=play PATH="$PATH" SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH= \
        /lib/systemd/systemd --system --unit=play.target --log-target=console --show-status=0
fi

mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/cgroup2
mount -t cgroup2 none /run/cgroup2
own=/run/cgroup2/$name
mkdir "$own"
(
    sh -c 'echo $PPID' >"$own/cgroup.procs"
    exec unshare --mount --pid --fork --ipc --uts --cgroup "$0" "$name" "$units" inside
) || true # it is killed
find "$own" -depth -type d -exec rmdir {} +
