"""An HTTP server like the services' that answers everything with nothing: the floor. Prints its port."""

import asyncio
import socket

from starlette.responses import Response

from tallystick.runtime.http import HttpServer


async def main() -> None:
    """Serve until the process is killed."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        print(bound.getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads the port
        await HttpServer(Response(), drain_seconds=1).serve(sockets=[bound])


if __name__ == "__main__":
    asyncio.run(main())
