"""Is the hub there? Asked of servers on this machine; no test reaches a real one."""

import http.server
import socket
import threading
import time

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch

from pneumoray.errors import WeightsError
from pneumoray.models import hub, weights


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """Nobody listens where the hub should be, and its cache is empty; returns the cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setattr(hub, "why_no_answer", lambda url: f"{url} can't be reached")
    return tmp_path


def test_a_server_that_offers_the_file_is_an_answer(server):
    assert hub.why_no_answer(f"{server(200)}/models/file.pth") == ""


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "403: Forbidden"),
        (404, "404: Not Found"),
        (407, "407: Proxy Authentication Required"),
        (503, "503: Service Unavailable"),
    ],
)
def test_a_server_or_a_proxy_that_refuses_the_file_is_none(server, status, words):
    url = f"{server(status)}/models/file.pth"
    assert hub.why_no_answer(url) == f"{url} answers HTTP Error {words}"


def test_the_token_goes_to_the_hub_and_not_where_it_leads_to(monkeypatch):
    told = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            told.append((self.path, self.headers["Authorization"]))
            self.send_response(302 if self.path == "/file" else 200)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/stored")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    monkeypatch.setenv("HF_TOKEN", "secret")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
        assert hub.why_no_answer(f"{url}/file") == ""
        server.shutdown()
    assert told == [("/file", "Bearer secret"), ("/stored", None)]


def test_a_repository_with_the_older_file_alone_has_weights(no_hub, monkeypatch):
    def answer(url):
        return "" if url.endswith("/pytorch_model.bin") else f"{url} answers HTTP Error 404: No"

    monkeypatch.setattr(hub, "why_no_answer", answer)
    assert hub.why_not("resnet18") == ""


def test_only_a_missing_file_makes_it_ask_for_the_next(no_hub, monkeypatch):
    asked = []
    monkeypatch.setattr(hub, "why_no_answer", lambda url: asked.append(url) or "silent")
    assert hub.why_not("resnet18") == "silent"
    assert len(asked) == 1


def test_a_hub_that_nobody_runs_is_told_at_once():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        assert hub.why_no_answer(url).startswith(f"{url} can't be reached (")


def test_a_hub_that_keeps_silent_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url, begun = f"http://127.0.0.1:{silent.getsockname()[1]}", time.monotonic()
        said = hub.why_no_answer(url, patience_seconds=0.3)
        assert time.monotonic() - begun < 5
    assert "0.3 s" in said or "timed out" in said


def test_the_users_wish_to_stay_offline_is_heard(server, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert hub.why_no_answer(server(200)) == "HF_HUB_OFFLINE is set"


@pytest.mark.parametrize(
    ("backbone", "host"),
    [
        ("resnet18", "https://huggingface.co"),
        ("googlenet", "https://download.pytorch.org"),
        ("legacy_seresnet18", "http"),
    ],
)
def test_without_a_hub_one_line_says_why_and_what_else_there_is(no_hub, backbone, host):
    with pytest.raises(WeightsError) as caught:
        weights.check(backbone, "hub")
    message = str(caught.value)
    assert "\n" not in message
    assert f"the pretrained weights of {backbone}: {host}" in message
    for way in (f"{backbone}.safetensors", "weights: none", "--study xray-64"):
        assert way in message
    assert "weights: hub" not in message  # that is set already
    with pytest.raises(WeightsError) as found:
        weights.find(backbone, "hub", 1)
    assert str(found.value) == message


def test_what_was_downloaded_before_is_read_without_a_hub(no_hub):
    state = timm.create_model("resnet18").state_dict()
    repository = no_hub / "hub" / "models--timm--resnet18.a1_in1k"
    for folder in ("refs", "snapshots/abc"):
        (repository / folder).mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    safetensors.torch.save_file(state, repository / "snapshots" / "abc" / "model.safetensors")
    weights.check("resnet18", "hub")
    found = weights.find("resnet18", "hub", 3)
    assert found.source == "hub timm/resnet18.a1_in1k"
    assert all(torch.equal(found.state[name], tensor) for name, tensor in state.items())


def test_a_file_of_torchvision_that_is_here_needs_no_hub(no_hub):
    (no_hub / "torch" / "checkpoints").mkdir(parents=True)
    (no_hub / "torch" / "checkpoints" / "googlenet-1378be20.pth").touch()
    weights.check("googlenet", "hub")


def test_what_the_hub_never_had_is_said(no_hub):
    assert hub.why_not("resnet200") == "the hub has none"
