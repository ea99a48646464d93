"""Tallystick: an OAuth 2.0 authorization server, and what a resource server needs to ask it.

`oauth2` holds the rules of the RFCs without I/O, `runtime` the plumbing that the services share, `schema` the
migrations of their database, `resource` the client for resource servers, `cli` and `local` what people type.
"""
