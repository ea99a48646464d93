"""The demo's two programs, PhotoPrint and PhotoStorage, as processes beside a cluster."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tallystick.oauth2.client import ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.operator_client import Client, User
from tests.support.ports import free_ports
from tests.support.process import ProcessDied, ProgramProcess

_START_SECONDS = 30.0
_SERVICES = {"photos.read": "/photos.v1.Albums/Get", "photos.write": "/photos.v1.Albums/Add"}


@dataclass(frozen=True, slots=True)
class Demo:
    """Where PhotoPrint is, and who may sign in; bob has photos."""

    url: str
    bob: User


@contextmanager
def running_demo(cluster: Cluster, folder: Path) -> Iterator[Demo]:
    """Register what the demo needs, as an operator would, and give it running."""
    operator = cluster.operator
    api_port, site_port = free_ports(2)
    caller = operator.create_client(
        ClientType.CONFIDENTIAL,
        name="PhotoStorage",
        redirect_uris=(),
        grant_types=(GrantType.CLIENT_CREDENTIALS,),
        scopes=("introspect",),
    )
    resource = operator.create_resource("https://photos.example", callers=(caller,), services=tuple(_SERVICES.values()))
    for scope, service in _SERVICES.items():
        operator.create_scope(scope, f"Use {service}", covers=[(resource, service)])
    app, website = (
        operator.create_client(
            client_type,
            name="PhotoPrint",
            version=client_type,
            redirect_uris=(f"http://127.0.0.1:{site_port}/callback",),
            scopes=tuple(_SERVICES),
        )
        for client_type in (ClientType.PUBLIC, ClientType.CONFIDENTIAL)
    )
    demo = Demo(f"http://127.0.0.1:{site_port}", operator.create_user("bob"))
    processes = [
        ProgramProcess(
            "photostorage",
            "examples.photostorage",
            folder,
            arguments=[
                f"--listen=127.0.0.1:{api_port}",
                f"--introspect-target={cluster.introspect.grpc_target}",
                f"--client-id={caller.client_id}",
                f"--client-secret-file={_secret_file(folder, caller)}",
                f"--resource={resource.identifier}",
            ],
        ),
        ProgramProcess(
            "photoprint",
            "examples.photoprint",
            folder,
            arguments=[
                f"--listen=127.0.0.1:{site_port}",
                f"--issuer={cluster.issuer}",
                f"--api=127.0.0.1:{api_port}",
                f"--public-client-id={app.client_id}",
                f"--confidential-client-id={website.client_id}",
                f"--client-secret-file={_secret_file(folder, website)}",
            ],
        ),
    ]
    try:
        for process, port in zip(processes, (api_port, site_port), strict=True):
            _wait_until_reachable(process, port)
        yield demo
    finally:
        for process in processes:
            process.kill()


def _secret_file(folder: Path, client: Client) -> Path:
    path = folder / f"{client.client_id}.secret"
    path.touch(mode=0o600)
    path.write_text(f"{client.client_secret}\n")
    return path


def _wait_until_reachable(process: ProgramProcess, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if not process.is_running() or time.monotonic() > deadline:
                raise ProcessDied(f"{process.name} cannot be reached\n{process.tail()}") from None
            time.sleep(0.05)
        else:
            return
