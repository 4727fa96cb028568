"""Makes listening sockets in the network namespace that it was started in, and hands them out: run as ``broker.py <descriptor>``.

Whoever holds such a socket is reached from inside the namespace at its address, wherever the holder itself runs. It is a program of
its own, with the standard library alone, and ends when whoever started it does.
"""

import os
import socket
import sys


def _serve(control: socket.socket) -> None:
    control.send(str(os.getpid()).encode())
    while asked := control.recv(64):
        try:
            listener = socket.create_server(("127.0.0.1", int(asked)), backlog=128)
        except OSError as error:
            control.send(f"{error.strerror or error}".encode())
            continue
        with listener:
            socket.send_fds(control, [b"ok"], [listener.fileno()])


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
