"""`python -m examples.photoprint`: serves the print shop's site until Ctrl-C or SIGTERM."""

import sys

import grpc
import httpx
import uvicorn

from examples.photoprint.app import PhotoPrint, new_app
from examples.photoprint.authorization import SECONDS, AuthorizationServer
from examples.photoprint.pages import Pages
from examples.photoprint.photostorage import PhotoStorage
from examples.photoprint.settings import read_settings


def main() -> None:
    """Start the site and wait."""
    settings = read_settings(sys.argv[1:])
    pages = Pages(settings.issuer, settings.api)
    with httpx.Client(timeout=SECONDS) as http, grpc.insecure_channel(settings.api) as channel:
        site = PhotoPrint(
            settings.registrations, AuthorizationServer(settings.issuer, http), PhotoStorage(channel), pages
        )
        app = new_app(site, pages, settings.base_url)
        # Without an access log: the callback's address holds the code.
        uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, server_header=False)


if __name__ == "__main__":
    main()
