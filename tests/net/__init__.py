"""Real interfaces: network namespaces that the tests make for themselves. Needs root on Linux."""
