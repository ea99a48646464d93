"""HTTP at authorize: each endpoint parses a request, calls a use case, and renders a page or redirects."""
