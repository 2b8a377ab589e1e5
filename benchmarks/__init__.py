"""Measures the product from outside, and writes what it found to docs/benchmarks.md.

`python -m benchmarks [FIGURE...]` (`make bench`) takes the figures of one machine: speed, memory, small files,
fail-over, console. `python -m benchmarks.netlab [FIGURE...]` (`make bench-net`, root on Linux) takes those of bad
networks, between network namespaces and beside the product's peers. `--list` names them, `--help` says the rest.

To add a figure, add one file to `benchmarks/figures` (or `benchmarks/netlab/figures`) that ends with

    FIGURE = Figure("name", "Heading in the page", "What is measured, and how.", measure)

where `measure(bench: Bench) -> Result` gives goals, tables and pictures; `Figure(order=...)` says where in the page it
stands. Nothing else has to be changed: the runner finds it by its file, and it owns the part of the page between
`<!-- figure: name -->` and `<!-- end: name -->`, so that figures can be taken one by one.

    figure      what a figure is and what it gives       page       docs/benchmarks.md, part by part
    runner      the command line                         machine    what this machine is, how busy, how fast its disk
    processes   CPU, memory and bytes written by others  stage      one relay and one agent as two processes
    bare_loop   seal, send, receive, open, nothing else  plots      how every picture looks
"""
