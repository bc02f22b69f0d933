"""The hub that weights are downloaded from: what it calls them, what is here already, whether it answers.

Its own client asks a hub that is not there twelve times within a minute; here it is asked once.
"""

import functools
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from pneumoray.models import names

_FILES = ("model.safetensors", "pytorch_model.bin")  # in this order timm asks for them


def why_not(backbone: str) -> str:
    """Why the weights of `backbone` can't be had now, or '' where they can. Downloads nothing."""
    _, urls = _place(backbone)
    if not urls:
        return "the hub has none"
    if cached(backbone):
        return ""
    reason = ""
    for url in urls:
        reason = why_no_answer(url)
        if "HTTP Error 404" not in reason:  # else the next one may be there
            break
    return reason


def cached(backbone: str) -> Path | None:
    """The file of weights that an earlier download left on this machine."""
    import huggingface_hub
    import torch.hub

    repository, urls = _place(backbone)
    if repository:
        for name in _FILES:
            found = huggingface_hub.try_to_load_from_cache(repository, name)
            if isinstance(found, str):
                return Path(found)
        return None
    files = [
        Path(torch.hub.get_dir(), "checkpoints", Path(urlsplit(url).path).name) for url in urls
    ]
    return next((file for file in files if file.is_file()), None)


@functools.cache
def why_no_answer(url: str, patience_seconds: float = 4) -> str:
    """Why the file at `url` can't be fetched, or '' where its server offers it in time.

    Asked once in a process, through the environment's proxies. A firewall that drops packets never
    answers; the hub's client gives up after 10 s, and begins again. A mirror or a proxy may be there
    and yet refuse the file, so only an offer of the file itself counts.
    """
    import huggingface_hub

    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    if huggingface_hub.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    reason = [f"{host} does not answer within {patience_seconds:g} s"]
    is_at_hub = url.startswith(f"{huggingface_hub.constants.ENDPOINT}/")
    token = huggingface_hub.get_token() if is_at_hub else None

    def ask() -> None:
        try:
            request = urllib.request.Request(
                url, method="HEAD", headers={"User-Agent": "pneumoray"}
            )
            if token:  # it is for the hub, not for the storage that this leads to
                request.add_unredirected_header("Authorization", f"Bearer {token}")
            urllib.request.urlopen(request, timeout=patience_seconds).close()
            reason[0] = ""
        except urllib.error.HTTPError as error:
            error.close()
            reason[0] = f"{url} answers {error}"
        except (OSError, ValueError) as error:
            reason[0] = f"{host} can't be reached ({getattr(error, 'reason', error)})"

    thread = threading.Thread(target=ask, daemon=True)  # looking a name up knows no timeout
    thread.start()
    thread.join(patience_seconds)
    return reason[0]


def _place(backbone: str) -> tuple[str, list[str]]:
    """(repository at the hub, URLs of the file of weights, in the order in which they are tried).

    Without a repository, the file is elsewhere; without a URL, nowhere.
    """
    if backbone in names.TORCHVISION:
        import torchvision

        return "", [torchvision.models.get_model_weights(backbone).DEFAULT.url]
    import huggingface_hub
    import timm

    network = names.present_name(backbone)
    known = timm.get_pretrained_cfg(network) if timm.is_model(network) else None
    if known and known.hf_hub_id:
        repository = str(known.hf_hub_id)
        return repository, [huggingface_hub.hf_hub_url(repository, name) for name in _FILES]
    return "", [str(known.url)] if known and known.url else []
