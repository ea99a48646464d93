"""The two programs of the demo, and what they are told."""

from tallystick.local.children import Program
from tallystick.local.demo_data import API, CONFIDENTIAL, PUBLIC, RESOURCE, DemoData
from tallystick.local.ports import HOST, Ports
from tallystick.local.run_options import RunOptions
from tallystick.runtime.private_files import write_private


def demo_url(ports: Ports) -> str:
    """Return where PhotoPrint is."""
    return f"http://{HOST}:{ports['photoprint']}"


def callback_url(ports: Ports) -> str:
    """Return PhotoPrint's redirect URI."""
    return f"{demo_url(ports)}/callback"


def demo_programs(data: DemoData, issuer: str, options: RunOptions) -> list[Program]:
    """Return PhotoStorage and PhotoPrint, and write their secrets to files: arguments are for everybody to see."""
    ports, folder = options.ports, options.credentials.folder
    secret_files = {key: folder / f"demo-{key}-client-secret" for key in (API, CONFIDENTIAL)}
    for key, file in secret_files.items():
        write_private(file, f"{data.client_secrets[key]}\n")
    api = f"{HOST}:{ports['photostorage']}"
    return [
        Program(
            "photostorage",
            "examples.photostorage",
            (ports["photostorage"],),
            (
                f"--listen={api}",
                f"--introspect-target={HOST}:{ports['introspect-grpc']}",
                f"--client-id={data.client_ids[API]}",
                f"--client-secret-file={secret_files[API]}",
                f"--resource={RESOURCE}",
            ),
        ),
        Program(
            "photoprint",
            "examples.photoprint",
            (ports["photoprint"],),
            (
                f"--listen={HOST}:{ports['photoprint']}",
                f"--issuer={issuer}",
                f"--api={api}",
                f"--public-client-id={data.client_ids[PUBLIC]}",
                f"--confidential-client-id={data.client_ids[CONFIDENTIAL]}",
                f"--client-secret-file={secret_files[CONFIDENTIAL]}",
            ),
        ),
    ]
