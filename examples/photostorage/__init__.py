"""PhotoStorage, a small gRPC API that lets people at their photos. It never sees a password.

An app such as PhotoPrint calls it with an access token. Before each call an interceptor asks Tallystick's introspection
whether the token is good for it: live and meant for this API, with a scope that covers the method, and of somebody who
may use it. The rest is photos.

Read `__main__` first, then `albums`; `pictures` only paints.
"""
