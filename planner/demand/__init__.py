"""From workloads to streams: rates per period, length distributions, burstiness."""
