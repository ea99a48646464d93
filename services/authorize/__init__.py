"""authorize knows who may ask, and who said yes.

It owns clients, scopes, protected resources, users, consents, login sessions and the life of an authorization code. It
answers browsers at `GET /oauth2/authorize`, `/login` and `/consent`, publishes its metadata (RFC 8414), tells token
what a code stands for (`AuthorizationCodeService`), and serves operators (`operator_rpc`).

A request passes `endpoints.authorization`, `checks` and `begin_interaction`, waits in Redis as an `interaction` for
`sign_in` and `consent`, and leaves as a code by `issue_code`; `check_code` judges that code when token asks. Who spends
a code, and what it buys, is token's business; whether a token is good is introspect's.
"""
