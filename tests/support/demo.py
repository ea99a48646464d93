"""The demo's two programs, PhotoPrint and PhotoStorage, as processes beside a cluster."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tallystick.local.demo_data import API, CONFIDENTIAL, PUBLIC, RESOURCE, DemoData, DemoMaker
from tallystick.local.operator_connection import OperatorConnection
from tests.support.cluster import Cluster
from tests.support.operator_client import User
from tests.support.ports import free_ports
from tests.support.process import ProcessDied, ProgramProcess

_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Demo:
    """Where PhotoPrint is, and who may sign in; bob has photos, and alice may not see any."""

    url: str
    bob: User
    alice: User


@contextmanager
def running_demo(cluster: Cluster, folder: Path) -> Iterator[Demo]:
    """Register what the demo needs, as `tallystick up` does, and give it running."""
    api_port, site_port = free_ports(2)
    url = f"http://127.0.0.1:{site_port}"
    with OperatorConnection(cluster.authorize.grpc_target, cluster.admin_credential) as operator:
        data = DemoMaker(operator, f"{url}/callback").ensure(
            DemoData(), keep=lambda made: made.write(folder / "demo.json")
        )
    bob, alice = (User("", name, data.passwords[name]) for name in ("bob", "alice"))
    demo = Demo(url, bob, alice)
    processes = [
        ProgramProcess(
            "photostorage",
            "examples.photostorage",
            folder,
            arguments=[
                f"--listen=127.0.0.1:{api_port}",
                f"--introspect-target={cluster.introspect.grpc_target}",
                f"--client-id={data.client_ids[API]}",
                f"--client-secret-file={_secret_file(folder, data, API)}",
                f"--resource={RESOURCE}",
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
                f"--public-client-id={data.client_ids[PUBLIC]}",
                f"--confidential-client-id={data.client_ids[CONFIDENTIAL]}",
                f"--client-secret-file={_secret_file(folder, data, CONFIDENTIAL)}",
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


def _secret_file(folder: Path, data: DemoData, client: str) -> Path:
    path = folder / f"{client}.secret"
    path.touch(mode=0o600)
    path.write_text(f"{data.client_secrets[client]}\n")
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
