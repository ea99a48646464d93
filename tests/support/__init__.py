"""What the tests stand on: real stores, real service processes and the parts of a client that each test would repeat.

- `engine`: whether a container engine answers, and so which stores the run uses;
- `stores`: Postgres and Redis as tests see them, `containers` and `embedded` the two kinds;
- `databases`: migrated copies of one template, and empty Redis databases;
- `service_process`: one service as a process; `cluster`: the three of them together, `ports` where they listen;
- `environment`: what a program of ours is started with;
- `operator_client`: users, clients, scopes and resources made over gRPC;
- `pages`, `flow`: sign-in and consent without a browser, codes redeemed and refreshed;
- `redirect_target`: where a browser is sent back to; `node`: programs for Node.js;
- `needs`: what a test cannot do without.
"""
