"""A bad network on this machine: links between two network namespaces, for any program's packets, measured.

Theory of operation. `near` and `far` are namespaces of this run. Each link is a TUN device in both, named alike, and a
process (`forwarder`) that carries packets from one to the other through the product's own link model
(`transfer_core.sim.link`): rate, finite queue, delay, jitter with or without reordering, random and burst loss, a
switch. So TCP feels what the product feels. The far side has one address more, `RELAY_HOST`, on no link: it is reached
over every one, as a public relay is; near's routes prefer the first link, and rules by source address serve the rest.
`figures/accuracy` checks what is set against what is measured before anything else is believed.

Root on Linux. Everything made is removed at the end, also after an error; names hold the process's number.

    namespaces  the two sides     tun   a device in a namespace     forwarder   all links, one process
    lab         all together      peers   other programs that move files      figures   one file each
"""
