#!/usr/bin/env bash
# A real Slurm of one node on Debian or Ubuntu, as root and without systemd, for `pytest -m slurm`. Accounting is off.
set -euo pipefail

command -v slurmctld > /dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge

mkdir -p /run/munge /var/log/munge /var/lib/munge /etc/munge /var/spool/slurmctld /var/spool/slurmd /etc/slurm
[ -s /etc/munge/munge.key ] || dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none
chown -R munge:munge /run/munge /var/log/munge /var/lib/munge /etc/munge
chmod 400 /etc/munge/munge.key
munge -n > /dev/null 2>&1 || runuser -u munge -- munged

host=$(hostname -s)
cat > /etc/slurm/slurm.conf << END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
MinJobAge=10
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
END

# Started by hand; -c forgets jobs of an earlier life.
[ -e /run/slurmctld.pid ] && kill -0 "$(cat /run/slurmctld.pid)" 2> /dev/null || slurmctld -c
[ -e /run/slurmd.pid ] && kill -0 "$(cat /run/slurmd.pid)" 2> /dev/null || slurmd

for _ in $(seq 30); do
    sinfo --noheader --format=%T 2> /dev/null | grep -q -e idle -e mixed -e allocated && exec sinfo
    sleep 1
done
echo "the node did not come up: see slurmctld -D -vvv and slurmd -D -vvv" >&2
exit 1
