"""The figures of bad networks, one file each; `benchmarks` says how to add one."""
