"""The vendor of offices and publications as a process of its own would be, on a port of this machine."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn

from simulators.exposure import Vendor, build


@contextlib.contextmanager
def serving(vendor: Vendor) -> Iterator[str]:
    """Give the address at which `vendor` answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(build(vendor), log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
