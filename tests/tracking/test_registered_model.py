"""A registered model says what it takes and gives, is fetched as a bundle, and answers over HTTP."""

import base64
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import pneumoray
from pneumoray import bundle, tracking
from pneumoray.errors import TrackingError
from pneumoray.tracking import replayer

pytestmark = pytest.mark.filterwarnings("ignore:::(mlflow|sqlalchemy|alembic)")

NAME = "pneumoray-demo-ensemble"
START_SECONDS, ANSWER_SECONDS = 300, 60


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    return tracking.Settings(
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}", artifacts=str(folder / "mlartifacts")
    )


@pytest.fixture(scope="module")
def folder(make_bundle, tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundle") / "vote", num_members=2)


@pytest.fixture(scope="module")
def registered(settings, folder):
    """The registry's name of the bundle in `folder`."""
    registry, runs = replayer.with_mlflow("registry"), replayer.with_mlflow("runs")
    client = runs.connect(settings)
    experiment = client.create_experiment("pneumoray-demo", Path(settings.artifacts).as_uri())
    run = client.create_run(experiment)
    tags = {"val_auroc": "0.9", "val_digest": "same"}
    registry.register(
        client, registry.Entry(NAME, folder, experiment, run.info.run_id, tags, False)
    )
    return f"models:/{NAME}@champion"


@pytest.fixture(scope="module")
def film():
    """(the image's bytes, its pixels)"""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue(), pixels


@pytest.fixture
def mlflow(registered, settings, monkeypatch):
    """MLflow itself, looking into the same database."""
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
    return mlflow


def test_a_model_has_a_signature_and_an_example_that_it_takes(registered, folder, film, mlflow):
    info = mlflow.models.get_model_info(registered)
    assert info.signature.outputs.input_names() == [
        "predicted",
        "prob_NORMAL",
        "prob_PNEUMONIA",
        "threshold",
        "threshold_class",
        "disagreement",
    ]
    loaded = mlflow.pyfunc.load_model(registered)
    assert list(loaded.input_example.columns) == ["image"]
    assert list(loaded.predict(loaded.input_example).columns) == (
        info.signature.outputs.input_names()
    )
    encoded, pixels = film
    expected = bundle.load(folder).predict(encoded)
    for given in (encoded, [encoded], pixels, pd.DataFrame({"image": [encoded]})):
        pd.testing.assert_frame_equal(loaded.predict(given), expected)


@pytest.mark.parametrize("name", [f"models:/{NAME}@champion", f"models:/{NAME}/1"])
def test_load_model_fetches_the_bundle(
    registered, settings, folder, film, tmp_path, monkeypatch, name
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
    model = pneumoray.load_model(name, workspace=tmp_path)
    table = model.predict(film[0])
    assert (
        table["prob_NORMAL"].tolist() == bundle.load(folder).predict_probs(film[0])[:, 0].tolist()
    )
    assert model.name == f"{name}, 2 members"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/pneumoray-demo-ensembel@champion", f"has no model .*did you mean {NAME}"),
        (f"models:/{NAME}@best", "no alias 'best': its versions are 1, its aliases champion"),
        (f"models:/{NAME}/7", "no version 7: its versions are 1"),
        (f"models:/{NAME}", "write models:/NAME@champion or models:/NAME/1"),
        ("models:/it's@champion", "write models:/NAME@champion"),  # a filter's quote
        ("models:/a`b@champion", "write models:/NAME@champion"),
        ("models:/../x@champion", "write models:/NAME@champion"),
        (f"models:/{NAME}@v 1", "write models:/NAME@champion"),
        (f"models:/{NAME}/99999999999999999999", "write models:/NAME@champion"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(registered, settings, tmp_path, uri, said):
    with pytest.raises(TrackingError, match=said) as error:
        tracking.download(settings, uri, tmp_path)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@contextlib.contextmanager
def serving(model, settings, folder):
    """`mlflow models serve` on a free port of this machine, as its address; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    environment |= {"MLFLOW_TRACKING_URI": settings.tracking_uri, "PATH": path}
    log = folder / "serve.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=file, stderr=file, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/ping", timeout=5).close()
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def ask(address, request):
    """(status, the answer's JSON)"""
    data = json.dumps(request).encode()
    posted = urllib.request.Request(
        f"{address}/invocations", data, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(posted, timeout=ANSWER_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_every_form_of_the_scoring_protocol_is_answered_over_http(
    registered, settings, folder, film, tmp_path
):
    encoded, pixels = film
    text, numbers = base64.b64encode(encoded).decode(), pixels.tolist()
    (expected,) = bundle.load(folder).predict(encoded).to_dict("records")
    forms = [
        {"dataframe_split": {"columns": ["image"], "data": [[text]]}},
        {"dataframe_split": {"columns": ["age", "image"], "data": [[7, text]]}},
        {"dataframe_split": {"columns": ["image"], "data": [[numbers]]}},
        {"dataframe_records": [{"image": text}]},
        {"dataframe_records": [{"image": numbers}]},
        {"instances": [text]},
        {"instances": [numbers]},
        {"instances": [{"image": text}]},
        {"instances": [{"image": numbers}]},
        {"instances": [{"b64": text}]},
        {"inputs": [text]},
        {"inputs": [numbers]},
        {"inputs": numbers},
        {"inputs": {"image": [text]}},
        {"inputs": {"image": text}},
        {"inputs": {"image": [numbers]}},
        {"inputs": [{"image": text}]},
    ]
    picture = tmp_path / "film.png"
    picture.write_bytes(encoded)
    with serving(registered, settings, tmp_path) as address:
        for form in forms:
            status, answer = ask(address, form)
            assert status == 200, (form, answer)
            (row,) = answer["predictions"]
            assert row["prob_PNEUMONIA"] == pytest.approx(expected["prob_PNEUMONIA"], abs=1e-6)
            assert {k: row[k] for k in ("predicted", "threshold", "threshold_class")} == {
                k: expected[k] for k in ("predicted", "threshold", "threshold_class")
            }
        status, answer = ask(address, {"dataframe_records": [{"image": numbers}] * 3})
        assert (status, len(answer["predictions"])) == (200, 3)
        for wrong, said in (
            ({"inputs": [str(picture)]}, "paths are not opened"),
            ({"inputs": {"image": [str(picture)]}}, "paths are not opened"),
            ({"inputs": [numbers] * 3}, "3 grey images, or one with channels first"),
            ({"inputs": {"image": [numbers] * 3}}, "'dataframe_records': [{'image': ...}, ...]"),
            ({"dataframe_split": {"columns": ["a", "b"], "data": [[text, 1]]}}, "columns a, b"),
        ):
            status, answer = ask(address, wrong)
            assert status == 400
            assert said in json.dumps(answer)
