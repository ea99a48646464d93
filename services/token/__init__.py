"""token: what does this yes buy? It owns grants, refresh families and access tokens.

HTTP: `POST /oauth2/token` with the grant types `authorization_code`, `refresh_token` and `client_credentials`.
gRPC: `GrantService`, for operators.

A request goes from `endpoints` to the dispatcher in `grants`, which authenticates the client and hands over to the one
module that knows the grant type. Rules are pure (`redemption`, `refresh_chain`, `refresh_rotation`, `partitions`);
Postgres decides who spent a code and who rotated a refresh token (`adapters`).

What a code stands for is asked of authorize, which also owns clients, scopes and users; what a token is good for is
answered by introspect.
"""
