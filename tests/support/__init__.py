"""What the tests stand on: real stores, real service processes and the parts of a client that each test would repeat.

- `engine`: whether a container engine answers, and so which stores the run uses;
- `stores`: Postgres and Redis as tests see them, `containers` and `embedded` the two kinds;
- `databases`: migrated copies of one template, and empty Redis databases;
- `process`: a program of ours as a process, `service_process` one service, `cluster` the three together, `lending` a
  cluster whose stores are disturbed, `demo` the demo's two beside it; `ports` where they listen, `environment` what
  they are started with;
- `operator_client`: users, clients, scopes and resources made over gRPC;
- `pages`, `flow`: sign-in and consent without a browser, codes redeemed and tokens refreshed; `parallel` many at once;
- `chromium`: a browser and what every page is looked at for, `redirect_target` where it is sent back to;
- `node`: programs for Node.js;
- `scrape`: what a service tells Prometheus;
- `secrets_ledger`: what a run uses that is secret and what it leaves behind, `overheard` and `remains` where these come
  from, `secret_search` how the ones are looked for in the other;
- `needs`: what a test cannot do without.
"""
