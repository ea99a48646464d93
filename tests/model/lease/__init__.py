"""A simulation of the lease in virtual time: what the services run, under everything that may happen to them.

`virtual_time` and `network` are the stage, `database` the primary with its log, its standby and a primary that was
deposed. `replica` answers as the services do, from the real view, records and rules; `revoker` reports what is dead,
with the real wait; `resource_server` reuses answers. `trouble` disturbs them all, and `history` judges what was said.
Everything is drawn from one seed.
"""
