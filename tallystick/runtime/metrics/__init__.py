"""What operators can measure, in Prometheus' words; docs/metrics.md explains each metric.

Every name begins with `tallystick_`, but for those of the process, which Prometheus itself has named. A registry is
made in `__main__` and handed on; nothing here is found by looking for it. Labels have few values and none is what
somebody sent: no client, no user, no address, no path that we do not serve. Facts that something knows already are read
when somebody looks, and only what is over at once is counted as it happens.
"""
