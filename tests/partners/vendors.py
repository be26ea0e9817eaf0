"""Others as processes of their own would be, on a port of this machine: a vendor of publications, and any other."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from litestar import Litestar

from simulators.exposure import Vendor, build


def serving(vendor: Vendor) -> contextlib.AbstractContextManager[str]:
    """Give the address at which `vendor` answers."""
    return running(build(vendor))


@contextlib.contextmanager
def running(app: Litestar) -> Iterator[str]:
    """Give the address at which an application answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
