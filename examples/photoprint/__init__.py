"""PhotoPrint: a made-up print shop that asks for your photos by OAuth 2.0 and shows every step that it takes.

- `authorization`: the OAuth part; authlib does the protocol;
- `photostorage`: the call to the API, with the access token;
- `journey`: how far each browser has come;
- `steps`: each message of the protocol, line by line, with what the line is for;
- `problems`: what can go wrong, in words for people;
- `pages`, `templates/`: how it looks;
- `app`: the routes, which tie these together.
"""
