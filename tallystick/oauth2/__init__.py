"""The words and rules of the RFCs, without I/O: errors, scopes, PKCE, redirect URIs, client authentication, tokens.

Whatever two services must judge alike is judged here, so that no rule exists twice. Nothing in this package imports
anything but the standard library.
"""
