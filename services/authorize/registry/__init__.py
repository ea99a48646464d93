"""What operators register: clients, scopes, protected resources, users, and the operators themselves.

Owns the rules for all of these and the use cases behind the gRPC services for operators. Knows no protobuf and no SQL:
`operator_rpc` speaks the one, `adapters/postgres_registry_*` the other.

- `model`: frozen values; `ports`: what the use cases need from a store, with its contract
- `text`, `identifiers`, `service_name`, `page`: what may be written where, one subject each
- `client_rules`: which settings of a client go together
- `clients`, `scopes`, `resources`, `users`, `operators`: the use cases; `audit_events` shows what became of them all
"""
