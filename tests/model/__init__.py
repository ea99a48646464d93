"""The server's rules written a second time, for readers, and a machine that drives both and compares.

`world` is what there is to know, `requests` what clients may do about it, `people` what users and operators may.
They are pure and share nothing with the services. `replicas` sends the same to the real ones.
"""
