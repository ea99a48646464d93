"""introspect: is this token good? It may only SELECT, calls nobody, and holds no key.

A caller is authenticated (`caller_authentication`), the token's record is read by one statement (`adapters`), and a
pure decision says what the caller is told (`introspection`). HTTP (`endpoints`) and gRPC (`rpc`) carry the same answer.
Everything is synchronous, as a question is one short wait for Postgres.
"""
