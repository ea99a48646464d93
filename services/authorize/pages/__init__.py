"""The pages that authorize shows to people: sign-in, consent and errors.

Owns their words, looks, branding and response headers. Knows no request, session or client record: an endpoint
hands over what a page says and sends back the `Page` that it gets. Pages need no JavaScript and load nothing from
anywhere.
"""
