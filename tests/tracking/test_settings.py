"""mlflow.yaml: what MLflow would refuse of each record is refused before anything is trained."""

import pytest

from pneumoray import tracking, words
from pneumoray.errors import TrackingError
from pneumoray.tracking import replayer


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def read(text):
        (tmp_path / "mlflow.yaml").write_text(text)
        return tracking.find_settings(tmp_path / "mlflow.yaml", tmp_path)

    return read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'tags: {"ward #3 (병동)": A}',
            "tags 'ward #3 (병동)': it has '#', and only letters, digits",
        ),
        ("tags: {a//b: A}", "tags 'a//b': its parts between / are empty or dots"),
        ('tags: {"": A}', "tags '': its parts"),
        ('tags: {a: "x\\0"}', r"tags 'a': it has the character '\x00'"),
        ("tags: {family: thorax}", "tags 'family': a tag of that name is set already"),
        ("tags: {val_auroc: high}", "tags 'val_auroc': a tag of that name is set already"),
        ("tags: {mlflow.user: me}", "tags 'mlflow.user': a tag of that name"),
        ("tags: {pneumoray.sent: 9}", "tags 'pneumoray.sent': a tag of that name"),
        ("tags: {Family: thorax}", "tags family and Family are one tag in some databases"),
        ("tags: {Team: a, team: b}", "tags Team and team are one tag in some databases"),
        ("tags: {a: yes}", "tags.a True"),  # what YAML makes of the word
        ("model: 'models/{study}-{family}'", "can't name a model: it has '/'"),
        ("model: '{study}:{family}'", "can't name a model: it has ':'"),
        ('model: "{study}\'s {family}"', 'it has "\'"'),
        ("model: '{study}-{family}.'", "a dot or a space at its end"),
        (f"model: '{{study}}{'x' * 151}'", "it may have 251 characters, 250 are allowed"),
        ('experiment: "{study}\\x01"', r"can't name an experiment: it has the character '\x01'"),
        (f"experiment: '{{study}}{'x' * 151}'", "it has 251 characters, 250 are allowed"),
        ("experiment: '{study:>500}'", "names {study:>500}; only {study} can be"),
        ("experiment: '{study'", "expected '}' before end of string"),
        ("experiment: '{study}}'", "experiment '{study}}': Single '}' encountered"),
        (
            "tags: !!python/object/apply:os.getcwd []",
            "could not determine a constructor for the tag",
        ),
    ],
)
def test_what_mlflow_refuses_is_refused_at_the_start_in_one_line(read, text, message):
    with pytest.raises(TrackingError) as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "tracking_uri: 'postgresql://u:s3cret/{x}pw@h/db'",
        "tracking_uri: 'postgresql://u:{s3cret}pw@h/db'",
        "tracking_uri: 'postgresql://u:s3cret}pw@h/db'",
        "tracking_uri: ['http://u:s3 cretpw@h']",
        "tracking_uri: postgresql://u:s3cret pw@h/db: x",
    ],
)
def test_no_message_about_the_file_holds_a_password(read, text):
    with pytest.raises(TrackingError) as caught:
        read(text)
    for part in ("s3", "cret", "pw"):
        assert part not in str(caught.value).replace(str(caught.value).partition(":")[0], "")


def test_words_of_any_script_are_taken_as_they_are(read):
    found = read("tags: {병동: '3 병동 (서울)', cost-centre: 4711}\nexperiment: 흉부/{study}")
    assert found.tags == {"병동": "3 병동 (서울)", "cost-centre": "4711"}
    assert found.experiment_name("폐렴") == "흉부/폐렴"
    assert found.model_name("폐렴", "우리 모델") == "pneumoray-폐렴-우리 모델"


@pytest.mark.parametrize(
    ("artifacts", "expected"),
    [
        ("s3://bucket/{workspace}", "s3://bucket//{quoted}"),
        ("s3://bucket{workspace}/models", "s3://bucket/{quoted}/models"),
        ("file://{workspace}/art", "file:///{quoted}/art"),
        ("{workspace}/art", "/{plain}/art"),
        ("art #1", "{here}/art #1"),
        ("s3://bucket/art", "s3://bucket/art"),
    ],
)
def test_the_workspace_stands_in_artifacts_as_a_path_and_quoted_in_a_uri(
    tmp_path, monkeypatch, artifacts, expected
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.yaml").write_text(f"artifacts: '{artifacts}'")
    workspace = tmp_path / "my ws #1?"
    found = tracking.find_settings(tmp_path / "mlflow.yaml", workspace)
    plain = str(workspace).removeprefix("/")
    quoted = plain.replace(" ", "%20").replace("#", "%23").replace("?", "%3F")
    assert found.artifacts == expected.format(quoted=quoted, plain=plain, here=tmp_path)


def test_files_lie_where_a_uri_in_the_workspace_says(settings, tmp_path):
    workspace = tmp_path / "my ws #1"
    (tmp_path / "mlflow.yaml").write_text("artifacts: 'file://{workspace}/art'")
    found = tracking.find_settings(tmp_path / "mlflow.yaml", workspace)
    found = found.model_copy(update={"tracking_uri": settings.tracking_uri})
    tracking.check_writing(found, "demo", ["vgg"])
    client = replayer.with_mlflow("client").connect(found)
    experiment = replayer.with_mlflow("experiment").find_or_create(client, found, "demo", "")
    client.log_text(client.create_run(experiment).info.run_id, "text", "note.txt")
    (path,) = tmp_path.rglob("note.txt")
    assert path.is_relative_to(workspace / "art")


KEYS = (
    "team",
    "병동",
    "cost-centre",
    "a/b",
    "a:b",
    "a b",
    ".a",
    "ward #3",
    "(x)",
    "a//b",
    "/a",
    "a/",
    "a/..",
    "..",
)
KEYS += ("", ".", "a\\b", "हिन्दी", "x" * 250, "x" * 251, "a=b", "a'b")


def test_a_tags_key_passes_where_mlflow_takes_it(client):
    from mlflow.exceptions import MlflowException

    run = client.create_run(client.create_experiment("x")).info.run_id
    taken = {}
    for key in KEYS:
        try:
            client.set_tag(run, key, "value")
            taken[key] = True
        except MlflowException:
            taken[key] = False
    assert {key: words.why_no_key(key) == "" for key in KEYS} == taken
    assert 0 < sum(taken.values()) < len(KEYS)
