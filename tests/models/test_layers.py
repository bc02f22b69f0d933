import subprocess
import sys

import pytest

from pneumoray.errors import StudyError
from pneumoray.models import layers
from pneumoray.models.architecture import Architecture


def table(string, num_classes=2, **fields):
    """(shape that comes out, parameters) of each layer."""
    described = layers.describe(Architecture(string, **fields), num_classes)
    return [(layer.shape, layer.parameters) for layer in described]


def test_shapes_and_parameters_of_the_classic_string_by_hand():
    found = table("C64-C64-P-C128-C128-P-F-D128-D", image_size=32, color="rgb")
    assert found == [
        ((64, 32, 32), (3 * 9 + 1) * 64),
        ((64, 32, 32), (64 * 9 + 1) * 64),
        ((64, 16, 16), 0),
        ((128, 16, 16), (64 * 9 + 1) * 128),
        ((128, 16, 16), (128 * 9 + 1) * 128),
        ((128, 8, 8), 0),
        ((8192,), 0),
        ((128,), (8192 + 1) * 128),
        ((2,), (128 + 1) * 2),
    ]
    assert sum(parameters for _, parameters in found) == 1_309_122


def test_numbers_left_out_come_from_the_study_one_for_each_block_between_pools():
    short = table("C-C-P-C-P-C-P-C-F-D-D", image_size=16, filters=(4, 8, 16), units=10)
    assert short == table("C4-C4-P-C8-P-C16-P-C16-F-D10-D", image_size=16)
    assert short != table("C4-C4-P-C8-P-C16-P-C16-F-D11-D", image_size=16)


def test_numbers_written_win_over_the_studys():
    assert table("C5-F-D7-D", image_size=8) == [
        ((5, 8, 8), 50),
        ((320,), 0),
        ((7,), 321 * 7),
        ((2,), 16),
    ]


def test_valid_padding_shrinks_the_map_and_odd_sizes_lose_a_line_in_pooling():
    found = table("C2-P-C2-P-F-D", image_size=23, kernel_size=4, padding="valid")
    shapes = [(2, 20, 20), (2, 10, 10), (2, 7, 7), (2, 3, 3), (18,), (2,)]
    assert [shape for shape, _ in found] == shapes
    assert [parameters for _, parameters in found] == [34, 0, 66, 0, 0, 38]


def test_batch_norm_has_a_scale_and_a_shift_and_takes_the_bias_of_the_convolution():
    plain, normed = (
        table("C8-F-D9-D", image_size=8, batch_norm=batch_norm) for batch_norm in (False, True)
    )
    assert plain[0][1] == 9 * 8 + 8
    assert normed[0][1] == 9 * 8 + 2 * 8
    assert plain[1:] == normed[1:]


@pytest.mark.parametrize(
    ("output", "num_classes", "width"), [("softmax", 12, 12), ("sigmoid", 2, 1)]
)
def test_the_last_layer_is_as_wide_as_the_logits(output, num_classes, width):
    found = table("C8-P-F-D8-D", num_classes, image_size=8, output=output)
    assert found[-1] == ((width,), 9 * width)


def test_one_logit_for_more_classes_is_refused():
    with pytest.raises(StudyError, match="one logit for two classes, and there are 12"):
        layers.describe(Architecture("C8-F-D", output="sigmoid"), 12)


def test_layers_are_told_in_words():
    architecture = Architecture("C8-P-F-D9-D", 8, activation="elu", batch_norm=True, dropout=0.3)
    described = layers.describe(architecture, 2)
    assert [(layer.position, layer.token, layer.kind) for layer in described] == [
        (1, "C8", "convolution"),
        (2, "P", "pooling"),
        (3, "F", "flatten"),
        (4, "D9", "dense"),
        (5, "D", "dense"),
    ]
    assert [layer.words for layer in described] == [
        "convolution 3 x 3, 8 filters, batch norm, elu",
        "max pooling 2 x 2",
        "flatten",
        "dense, 9 units, elu, dropout 0.3",
        "dense, 2 logits",
    ]


def test_without_a_hidden_layer_dropout_stands_before_the_output():
    described = layers.describe(Architecture("F-D", 8, dropout=0.5, output="sigmoid"), 2)
    assert described[-1].words == "dropout 0.5, dense, 1 logit"


@pytest.mark.parametrize(
    ("string", "position", "reason", "shape"),
    [
        ("C64-P-D128", "3 (D128)", "a dense layer needs F before it", "64 x 16 x 16"),
        ("D", "1 (D)", "needs F before it", "1 x 32 x 32"),
        ("C8-P-P-P-P-P-P-F-D", "7 (P)", "needs 2 x 2, use fewer P or a larger", "8 x 1 x 1"),
        ("C8-F-C8-D", "3 (C8)", "after F come dense layers only", "8192"),
        ("C8-F-P-D", "3 (P)", "after F come dense layers only", "8192"),
        ("C8-F-F-D", "3 (F)", "after F come dense layers only", "8192"),
        ("C8-P", "2 (P)", "ends here without F and D", "8 x 16 x 16"),
        ("C8-F", "2 (F)", "ends here without D", "8192"),
        ("C8-F-D128", "3 (D128)", "the last D is the output layer and takes no number", "8192"),
        ("C8-F-D9-D2", "4 (D2)", "the last D is the output layer", "9"),
        ("C8-X3-F-D", "2 (X3)", "there is no layer 'X3'", "8 x 32 x 32"),
        ("C8-P2-F-D", "2 (P2)", "there is no layer 'P2'", "8 x 32 x 32"),
        ("C8-p-F-D", "2 (p)", "there is no layer 'p'", "8 x 32 x 32"),
        ("C8-F-D-", "4 ()", "there is no layer ''", "128"),
        ("C0-F-D", "1 (C0)", "width 0", "1 x 32 x 32"),
        ("C8-F-D0-D", "3 (D0)", "width 0", "8192"),
        ("C99999999999-F-D", "1 (C99999999999)", "at most 65536 wide", "1 x 32 x 32"),
    ],
)
def test_an_impossible_string_is_refused_at_its_position_with_the_shape_there(
    string, position, reason, shape
):
    with pytest.raises(StudyError) as error:
        layers.describe(Architecture(string, 32), 2)
    message = str(error.value)
    assert message.startswith(f"layer string {string}: position {position}: ")
    assert reason in message
    assert message.endswith(f"; the shape there is {shape}")
    assert "\n" not in message


def test_a_valid_convolution_larger_than_the_map_is_refused():
    architecture = Architecture("C8-P-C8-F-D", 12, kernel_size=5, padding="valid")
    with pytest.raises(StudyError, match=r"position 3 \(C8\): a valid .* 5 x 5 .* is 8 x 4 x 4$"):
        layers.describe(architecture, 2)


def test_a_table_needs_no_torch():
    code = (
        "import sys; from pneumoray.models import layers; "
        "from pneumoray.models.architecture import Architecture; "
        "layers.describe(Architecture('C64-P-F-D'), 2); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
