"""Shortcuts: whether plain properties of images, as their size or brightness, tell the class."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier

from pneumoray.data.manifest import Finding
from pneumoray.evaluation.intervals import bootstrap

LEAST_AUROC = 0.7  # the interval of a shortcut lies above it
TOGETHER = "all together"
MIN_GROUPS = 10  # of a class that is tested
MOST_CLASSES = 20  # that are tested: the largest
COLUMNS = ("property", "class", "auroc", "low", "high", "is_shortcut")
OF_FILES = ("width", "height", "aspect", "depth", "polarity", "mode", "format", "jpeg_quality")
_FOLDS = 5
_LEAVES = 8  # of the tree that guesses by one property
_LEAF_SHARE = 0.05  # of the images: a leaf has as many, so that no tree learns single images
_BELOW_ALL = -1e9


def score_properties(
    properties: pd.DataFrame, labels: np.ndarray, groups: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """How well each property tells the class: a row a property, all of them together first.

    `properties` is (N, ...), of numbers (nan is below all) or words; `labels` (N,) index `classes`,
    `groups` are (N,). The columns are COLUMNS: `auroc`, its 95 % interval over patients from `low`
    to `high`, and whether that lies above LEAST_AUROC. `class` is told from the others: of two
    classes the second, of several the one that is told best.

    A number tells by its order, up or down; it tells, as words do, by what a small decision tree
    guesses of it, where that is more. All together are a logistic regression of what the trees say.
    Both are fitted on four fifths of the patients and guess for the last fifth, in turn. What never
    varies has no row, and there is none where fewer than two classes have MIN_GROUPS patients.
    """
    of_class = pd.Series(groups).groupby(labels).nunique()
    tested = np.array(of_class[of_class >= MIN_GROUPS].nlargest(MOST_CLASSES).index.sort_values())
    kept = np.isin(labels, tested)
    varying = properties[kept].loc[:, properties[kept].nunique(dropna=False) > 1]
    if len(tested) < 2 or varying.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    codes, groups = np.searchsorted(tested, labels[kept]), groups[kept]
    asked = [1] if len(tested) == 2 else range(len(tested))
    rows = []
    for name, probs in _out_of_fold(varying, codes, groups).items():
        ways = [(code, probs[:, code]) for code in asked]
        if name in varying and pd.api.types.is_numeric_dtype(varying[name]):
            ranks = rankdata(_numbers(varying[name])) / len(codes)
            ways += [(code, order) for code in asked for order in (ranks, 1 - ranks)]
        aurocs = [roc_auc_score(codes == code, scores) for code, scores in ways]
        code, scores = ways[int(np.argmax(aurocs))]
        both = np.stack([1 - scores, scores], axis=1)
        low, high = bootstrap((codes == code).astype(int), both, groups, metrics=["auroc"])["auroc"]
        rows.append((name, classes[tested[code]], max(aurocs), low, high, low > LEAST_AUROC))
    rows.sort(key=lambda row: (row[0] != TOGETHER, -row[2]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def findings(table: pd.DataFrame) -> list[Finding]:
    """The shortcuts of `score_properties`, as notes: of the files' properties, and of the pixels'.

    All properties together are named only where none is a shortcut alone. Whether it is the disease
    that shows in a property, no number can tell: a person must look.
    """
    found = table[table["is_shortcut"].astype(bool)]
    alone = found[found["property"] != TOGETHER]
    found = alone if len(alone) else found
    is_of_files = found["property"].isin(OF_FILES)
    advice = {
        True: "a network could learn the machine or the export instead of the disease; take the images "
        "of all classes from the same machines and store them in one way, or score the model on images "
        "whose classes have one origin",
        False: "it may be the disease, and it may be the machine or the way films are stored, which a "
        "network could learn instead; look at some images of each class, and score the model on "
        "another hospital's images before you trust it",
    }
    return [
        Finding("shortcut", "note", f"{_named(found[is_of_files == of_files])}: {words}")
        for of_files, words in advice.items()
        if (is_of_files == of_files).any()
    ]


def _named(found: pd.DataFrame) -> str:
    each = [
        f"{row['property']} (AUROC {row['auroc']:.3f} [{row['low']:.3f}, {row['high']:.3f}] for "
        f"{row['class']})"
        for row in found.to_dict("records")
    ]
    return f"{', '.join(each)} {'tells' if len(each) == 1 else 'each tell'} the class"


def _out_of_fold(
    properties: pd.DataFrame, codes: np.ndarray, groups: np.ndarray
) -> dict[str, np.ndarray]:
    """{property: what its tree says of each image, (N, C)}, and TOGETHER."""
    columns = {str(name): _numbers(properties[name])[:, None] for name in properties}
    guessed = {name: np.zeros((len(codes), codes.max() + 1)) for name in (*columns, TOGETHER)}
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    for train, held in folds.split(codes, codes, groups):
        said = []
        for name, column in columns.items():
            tree = DecisionTreeClassifier(
                max_leaf_nodes=_LEAVES, min_samples_leaf=_LEAF_SHARE, random_state=0
            ).fit(column[train], codes[train])
            probs = tree.predict_proba(column)
            guessed[name][held] = probs[held]
            said.append(np.log(probs + 1 / len(train))[:, 1:])  # finite, and no further than needed
        weighed = np.hstack(said)
        weighing = LogisticRegression(C=0.1, tol=1e-3, max_iter=1000).fit(
            weighed[train], codes[train]
        )
        guessed[TOGETHER][held] = weighing.predict_proba(weighed[held])
    return guessed


def _numbers(column: pd.Series) -> np.ndarray:
    """A property in order: words by the alphabet, and nan below all numbers."""
    if pd.api.types.is_numeric_dtype(column):
        return np.nan_to_num(column.to_numpy(np.float64), nan=_BELOW_ALL)
    return np.unique(column.astype(str), return_inverse=True)[1].astype(np.float64)
