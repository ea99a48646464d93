"""The `tallystick` command: what an operator does, over gRPC, and what prepares and examines a deployment.

- `__main__`: the entry; loads a command's module when it is asked for
- `commands/`: one module a subject, each verb a function: read the arguments, make one call, print the answer
- `usage`: exit codes, and every error as one line that says what to do
- `environment`, `operator_credential`, `connection`: where the services are, who asks, how a call is made
- `record`, `output`: messages as plain values, and those for people or for scripts
- `options`, `moment`: options that several verbs have, and times as people give them
- `audit_line`, `audit_follower`: an event in one line, and what is new in the audit
- `checks/`: what `doctor` looks at

Commands that only talk gRPC work with the extra `cli` alone; `migrate` and `doctor` need `server`, `up` needs `local`.
"""
