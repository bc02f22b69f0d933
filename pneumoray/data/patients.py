"""Who the patient of an image is, by where its file lies: a rule of the user's, or a known one."""

import posixpath
import re
from collections.abc import Sequence

from pneumoray.data.manifest import Finding, Manifest, matched_patients
from pneumoray.errors import DataError

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Each by the file names of the collection that it is called after; the first group is the patient.
KNOWN = {
    # Bacterial and viral patients are numbered each on their own, so the kind belongs to the key:
    # person1_bacteria and person1_virus are two children. So are the numbers of the third version.
    "kermany": r"^(person\d+_(?:bacteria|virus)|(?:NORMAL2-)?IM-\d+)",
    "kermany-v3": r"^((?:BACTERIA|VIRUS|NORMAL)-\d+)-\d+",  # BACTERIA-1008087-0001
    "nih": r"^(000[0-3]\d{4})_\d{3}(?!\d)",  # 00000013_005; of patients 1 to 30805
    "chexpert": r"(?:^|[/_])(patient\d+)[/_]study\d+[/_]",  # patient00001/study1/view1_frontal
    "mimic": r"(?:^|[/_])(p\d{8})[/_]s\d{8}[/_]",  # p10/p10000032/s50414267/...
    # RICORD, BIMCV, Stony Brook, SIRM and RSNA, of which COVIDx is put together: the patients that its
    # own table names. Of the rest (cohen, actmed, fig1) only that table tells them.
    "covidx": r"^(?:MIDRC-RICORD-1C-|sub-)?((?:SITE2|\d{6})-\d{6}(?=-)|S\d{5}(?=_ses-)"
    rf"|A\d{{6}}(?=-\d\d-\d\d-)|COVID\(\d+\)|{_UUID})",
    "rsna": rf"^({_UUID})",  # one film each, as RSNA calls its patients
}
ENOUGH = 0.9  # of the images; where fewer have a known patient, patients are half known
SAMPLE = 1000  # images in which a known rule must find someone to be tried on all


def find_patients(ids: Sequence[str], rule: str | None) -> tuple[list[str], list[Finding]]:
    """The patient of each image, "" where it is unknown, and what is told about it.

    `ids` are paths below the data folder. `rule` is a name in KNOWN or a regular expression. Without
    one, all of KNOWN are tried, and a note names the one that explains the data: it finds a patient of
    nine in ten images, and not only by taking whole file names for patients. Where none does, what the
    nearest one finds is kept. Raises DataError where two explain the data and differ.
    """
    if rule is not None:
        return search(KNOWN.get(rule, rule), ids), []
    few = ids[:: max(1, len(ids) // SAMPLE)]
    tried = {name: pattern for name, pattern in KNOWN.items() if any(search(pattern, few))}
    found = {name: search(pattern, ids) for name, pattern in tried.items()}
    telling = {name: own for name, own in found.items() if _tells(own, ids)}
    good = {name: own for name, own in telling.items() if is_enough(len(ids) - own.count(""), own)}
    if not good:
        nearest = min(telling.values(), key=lambda own: own.count(""), default=[""] * len(ids))
        return nearest, []
    name, patients = next(iter(good.items()))
    for other, theirs in good.items():
        if not _same_groups(patients, theirs):
            raise DataError(
                f"two known rules find other patients in these file names: {name} ({_num(patients)}) "
                f"and {other} ({_num(theirs)}); say which is right: --patient-rule {name} or "
                f"--patient-rule {other} (in a study patient_rule: {name})"
            )
    example = next(i for i, patient in enumerate(patients) if patient)
    message = (
        f"patients are known by the rule {name} ({_num(patients)}, such as {patients[example]} of "
        f"{ids[example]}); if that is wrong, write a patient_rule or a patient column"
    )
    return patients, [Finding("patient-rule", "note", message)]


def search(pattern: str, ids: Sequence[str]) -> list[str]:
    """What `pattern` finds of each image, its first group or the whole match; "" for nothing.

    It is looked for in the names of the files; where fewer than nine in ten have it, and more of their
    paths below the data folder (with "/" between the folders), in these.
    """
    compiled = re.compile(pattern)
    group = 1 if compiled.groups else 0

    def found(texts: Sequence[str]) -> list[str]:
        matches = map(compiled.search, texts)
        return [(match[group] or "") if match else "" for match in matches]

    in_names = found([posixpath.basename(path) for path in ids])
    if is_enough(len(ids) - in_names.count(""), ids):
        return in_names
    return min(in_names, found(ids), key=lambda patients: patients.count(""))


def is_enough(num_known: int, images: Sequence[object]) -> bool:
    """Whether so many known patients tell who is who; half-known is not known."""
    return num_known >= ENOUGH * len(images)


def unknown_patients(manifest: Manifest) -> str:
    """Which patients are unknown, with an example of either; "" where enough are known."""
    images, num_known = manifest.images, matched_patients(manifest)
    if is_enough(num_known, images["id"]):  # type: ignore[arg-type]
        return ""
    without = images["id"][images["patient"] == ""]
    if num_known == 0:
        return f"no patient is known of any image, such as {without.iloc[0]}"
    one = images[images["patient"] != ""].iloc[0]
    return (
        f"a patient is known of {num_known} of {len(images)} images only ({one['patient']} of "
        f"{one['id']}), and not of {len(without)}, such as {without.iloc[0]}"
    )


def _tells(patients: Sequence[str], ids: Sequence[str]) -> bool:
    """Whether some patient is more than the name of one file, as RSNA's are, or anyone's UUIDs."""
    pairs = zip(patients, ids, strict=True)
    return any(
        patient and posixpath.basename(path).rpartition(".")[0] != patient
        for patient, path in pairs
    )


def _same_groups(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    return len(set(ours)) == len(set(theirs)) == len(set(zip(ours, theirs, strict=True)))


def _num(patients: Sequence[str]) -> str:
    count = len(set(patients) - {""})
    return f"{count} patient{'s' * (count != 1)}"
