"""Look at a built site in a browser, from this machine only."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from leaderboard.build import is_site
from leaderboard.errors import SiteError

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"


class _QuietHandler(SimpleHTTPRequestHandler):
    """A file handler that does not log every request."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        pass


def make_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a site on 127.0.0.1, not yet running; port 0 takes any free one.

    Raises
    ------
    SiteError
        If the folder is not a built site, or the port cannot be had.
    """
    if not is_site(folder):
        raise SiteError(
            str(folder),
            expected="a site",
            got="something else" if folder.exists() else "no such folder",
            remedy="make one with `synthatoms site build`",
        )
    try:
        return ThreadingHTTPServer((HOST, port), partial(_QuietHandler, directory=str(folder)))
    except (OSError, OverflowError) as error:
        raise SiteError(f"port {port}", expected="a free port", got=error, remedy="choose another --port, or 0 for any") from error


def serve(folder: Path, port: int = 8000) -> None:
    """Serve a site until Ctrl-C, and print its address."""
    with make_server(folder, port) as server:
        print(f"Serving {folder} at http://{HOST}:{server.server_port}/ (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nStopped.")
