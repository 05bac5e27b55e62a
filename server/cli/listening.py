"""The port of a serving command, taken before anything else is started."""

import argparse
import socket
import sys

from server.cli.command import Refusal


def port_number(text: str) -> int:
    """Read a port of the command line, 0 to 65,535; 0 lets the system choose."""
    number = int(text)
    if not 0 <= number <= 65_535:
        message = f"{number} is no port"
        raise argparse.ArgumentTypeError(message)
    return number


def listen(host: str, port: int) -> socket.socket:
    """Take a port.

    Raises:
        Refusal: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # A backlog of its own: until the application is ready, connections wait instead of failing.
        listener.listen(2_048)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        message = f"{host}:{port}: {why.lower()}. Try: --port {port + 1}"
        raise Refusal(message) from error
    return listener
