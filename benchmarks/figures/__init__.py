"""The figures of one machine, one file each; `benchmarks` says how to add one."""
