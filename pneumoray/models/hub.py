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
    repository, url = _place(backbone)
    if not repository and not url:
        return "the hub has none"
    return "" if cached(backbone) else no_answer(url)


def cached(backbone: str) -> Path | None:
    """The file of weights that an earlier download left on this machine."""
    import huggingface_hub
    import torch.hub

    repository, url = _place(backbone)
    if repository:
        for name in _FILES:
            found = huggingface_hub.try_to_load_from_cache(repository, name)
            if isinstance(found, str):
                return Path(found)
        return None
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    return file if url and file.is_file() else None


@functools.cache
def no_answer(url: str, patience_seconds: float = 8) -> str:
    """Why nothing can be fetched from the host of `url`, or '' where it answers in time.

    Asked once in a process, through the environment's proxies. A firewall that drops packets never
    answers; the hub's client gives up after 10 s, and begins again.
    """
    import huggingface_hub

    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    if huggingface_hub.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    reason = [f"{host} does not answer within {patience_seconds:g} s"]

    def ask() -> None:
        try:
            request = urllib.request.Request(host, method="HEAD")
            urllib.request.urlopen(request, timeout=patience_seconds).close()
            reason[0] = ""
        except urllib.error.HTTPError as error:  # it is there, whatever it thinks of the question
            reason[0] = f"{host} answers {error}" if error.code >= 500 else ""
        except (OSError, ValueError) as error:
            reason[0] = f"{host} can't be reached ({getattr(error, 'reason', error)})"

    thread = threading.Thread(target=ask, daemon=True)  # looking a name up knows no timeout
    thread.start()
    thread.join(patience_seconds)
    return reason[0]


def _place(backbone: str) -> tuple[str, str]:
    """(repository at the hub, URL that is asked): without a repository, of the file itself."""
    if backbone in names.TORCHVISION:
        import torchvision

        return "", torchvision.models.get_model_weights(backbone).DEFAULT.url
    import huggingface_hub
    import timm

    network = names.present_name(backbone)
    known = timm.get_pretrained_cfg(network) if timm.is_model(network) else None
    if known and known.hf_hub_id:
        return str(known.hf_hub_id), huggingface_hub.constants.ENDPOINT
    return "", str(known.url or "") if known else ""
