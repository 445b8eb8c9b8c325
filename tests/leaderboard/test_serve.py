"""The local server."""

from __future__ import annotations

import threading
import urllib.request
from http.server import ThreadingHTTPServer

import pytest

from leaderboard.build import build_site
from leaderboard.errors import SiteError
from leaderboard.serve import make_server, serve
from tests.leaderboard.factory import make_result, write_folder


@pytest.fixture
def site(tmp_path):
    return build_site([write_folder(tmp_path / "results", [make_result()])], tmp_path / "site").parent


def test_serves_the_front_page_on_this_machine_only(site):
    with make_server(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
            assert b"SynthAtoms leaderboard" in answer.read()
        server.shutdown()
        thread.join()
        assert server.server_address[0] == "127.0.0.1"


def test_prints_address_and_ends_on_interrupt(site, monkeypatch, capsys):
    def interrupt(self: ThreadingHTTPServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", interrupt)
    serve(site, port=0)
    assert "http://127.0.0.1:" in capsys.readouterr().out


@pytest.mark.parametrize("make", [True, False])
def test_folder_without_a_site_is_an_error(tmp_path, make):
    folder = tmp_path / "elsewhere"
    if make:
        folder.mkdir()
    with pytest.raises(SiteError, match="synthatoms site build"):
        serve(folder)


@pytest.mark.parametrize("port", ["taken", 99_999])
def test_port_that_cannot_be_had_is_an_error(site, port):
    with make_server(site, 0) as other, pytest.raises(SiteError, match="expected a free port"):
        make_server(site, other.server_port if port == "taken" else port)
