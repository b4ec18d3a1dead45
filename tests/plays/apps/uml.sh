#!/bin/sh
# PID 1 of a user-mode Linux whose root is the host's: run SCRIPT, leave its exit code in RESULT.
export PATH="$PROGRAMS:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root TMPDIR=/run
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /run
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
ip link set lo up
sh "$SCRIPT" </dev/null >"$RESULT.log" 2>&1
echo $? >"$RESULT"
sync
python -c "import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)" # LINUX_REBOOT_CMD_POWER_OFF
