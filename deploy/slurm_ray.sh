#!/usr/bin/env bash
# A Ray cluster inside a Slurm allocation, for warm workers over its nodes; all arguments are harness's:
#   sbatch --nodes=4 --gpus-per-node=8 deploy/slurm_ray.sh -m hydra/launcher=cluster mask=none,full
#SBATCH --job-name=harness
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
set -euo pipefail

# Another port for each job, should two share a node.
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname -I | cut -d' ' -f1):$((20000 + SLURM_JOB_ID % 10000))
export RAY_ADDRESS=$address RAY_USAGE_STATS_ENABLED=0

# The paths of Ray's sockets have 107 bytes at most: a short folder, gone with the job.
folder=/tmp/ray$SLURM_JOB_ID
srun --nodes="$SLURM_NNODES" --ntasks="$SLURM_NNODES" \
    ray symmetric-run --address "$address" --min-nodes "$SLURM_NNODES" \
    --num-cpus="${SLURM_CPUS_ON_NODE:-1}" --temp-dir="$folder" --disable-usage-stats -- \
    harness "$@" hydra.launcher.address="$address"
