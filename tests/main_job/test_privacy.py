"""A whole study on DICOM films: no planted name is in a byte of what it wrote or said."""

import pytest

pytest.importorskip("pydicom", reason="pip install 'pneumoray[dicom]'")
import planted

from pneumoray.data.pseudonyms import TABLE

STUDY = "{name: tiny, image_size: 32, epochs: 2, backbones: [C4-P-F-D, C8-P-F-D], race: full}"


@pytest.mark.slow
def test_no_planted_name_is_in_what_a_study_says_or_writes(make_job):
    job = make_job(STUDY)
    films = planted.plant(job.folder / "films" / "ZZPLANTED_ward")
    said = []
    for words in (
        ("train-all", "--study", "tiny.yaml", "--data", str(films)),
        ("ensemble", "--top", "2", "--any-family"),
        ("evaluate", str(films), "--save", "pneumoray-workspace/saved.csv"),
        ("leaderboard",),
        ("audit", str(films)),
        ("audit", str(films), "--json"),
    ):
        said += job.run(*words)
    job.run("predict", str(next(films.rglob("*_1.dcm"))))  # names the file as it was named
    assert not [text for text in said if planted.names(text.encode())]
    assert (job.workspace / "mlflow.db").is_file()
    assert (job.study / "leaderboard.csv").is_file()
    assert planted.found_in(job.workspace, apart=(TABLE,)) == []
    packed = next(job.workspace.glob("packs/*/manifest.csv")).read_text()
    columns = ",modality,body_part,view,manufacturer,sex,age,pixel_spacing"
    assert packed.splitlines()[0].endswith(columns)
