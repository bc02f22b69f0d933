"""fit() trains in place, measures what it saw, and stops where the loss is no number."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from pneumoray.training import loop


def setting(num_steps=3, lr=0.1, shape=lambda step: 1.0):
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    images, labels = torch.randn(num_steps, 4, 2), torch.randint(2, (num_steps, 4))
    optimizer = SGD(model.parameters(), lr=lr)
    return {
        "model": model,
        "batches": lambda epoch: zip(images, labels, strict=True),
        "loss_function": nn.CrossEntropyLoss(),
        "optimizer": optimizer,
        "schedule": LambdaLR(optimizer, shape),
    }


def test_it_is_plain_gradient_descent():
    parts = setting()
    expected = nn.Linear(2, 2)
    expected.load_state_dict(parts["model"].state_dict())
    losses = []
    for images, labels in parts["batches"](1):
        loss = nn.functional.cross_entropy(expected(images), labels)
        expected.zero_grad()
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for parameter in expected.parameters():
                parameter.sub_(0.1 * parameter.grad)
    (trained,) = loop.fit(**parts, epochs=[1])
    torch.testing.assert_close(parts["model"].weight, expected.weight)
    assert trained.loss == pytest.approx(sum(losses) / 3)


def test_the_mean_loss_weighs_batches_by_their_images():
    parts = setting()
    sizes = [(torch.zeros(3, 2), torch.tensor([0, 0, 0])), (torch.zeros(1, 2), torch.tensor([1]))]
    parts["optimizer"].param_groups[0]["lr"] = 0.0
    parts["schedule"] = LambdaLR(parts["optimizer"], lambda step: 0.0)
    bias = parts["model"].bias.detach().log_softmax(0)
    (trained,) = loop.fit(**(parts | {"batches": lambda epoch: sizes}), epochs=[1])
    assert trained.loss == pytest.approx(-float(3 * bias[0] + bias[1]) / 4, rel=1e-5)


def test_an_epoch_reports_what_it_saw_in_order():
    parts = setting(num_steps=2)
    (trained,) = loop.fit(**parts, epochs=[7])
    assert trained.epoch == 7
    assert trained.logits.shape == (8, 2)
    assert trained.logits.dtype == torch.float32
    assert not trained.logits.requires_grad
    assert trained.labels.tolist() == [int(y) for _, ys in parts["batches"](7) for y in ys]
    assert trained.seconds > 0


def test_the_learning_rate_is_that_of_the_last_step():
    parts = setting(num_steps=3, lr=1.0, shape=lambda step: 1 - step / 6)
    rates = [trained.lr for trained in loop.fit(**parts, epochs=[1, 2])]
    assert rates == pytest.approx([1 - 2 / 6, 1 - 5 / 6])


def test_batches_are_asked_for_by_epoch_and_the_model_is_in_training_mode():
    parts = setting()
    asked, modes, batches = [], [], parts["batches"]

    def counted(epoch):
        asked.append(epoch)
        modes.append(parts["model"].training)
        return batches(epoch)

    for _ in loop.fit(**(parts | {"batches": counted}), epochs=range(3, 6)):
        parts["model"].eval()  # as a caller that validates does
    assert asked == [3, 4, 5]
    assert modes == [True, True, True]


def test_leaving_the_loop_stops_training():
    parts = setting()
    assert len(list(itertools.islice(loop.fit(**parts, epochs=range(1, 100)), 2))) == 2
    before = parts["model"].weight.clone()
    assert torch.equal(parts["model"].weight, before)


def test_no_epochs_train_nothing():
    parts = setting()
    before = parts["model"].weight.clone()
    assert list(loop.fit(**parts, epochs=[])) == []
    assert torch.equal(parts["model"].weight, before)


def test_a_loss_that_is_no_number_stops_training_and_says_where():
    parts = setting()
    parts["loss_function"] = lambda logits, labels: logits.sum() * float("nan")
    with pytest.raises(FloatingPointError, match=r"nan at epoch 2; lower the learning rate"):
        list(loop.fit(**parts, epochs=[2]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("which", ["weight", "running_var"])
def test_weights_that_are_no_numbers_after_the_last_step_stop_training(value, which):
    """The mean loss was finite: only the epoch's end tells."""
    parts = setting(num_steps=1)
    parts["model"] = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model = parts["model"]
    tensor = model[0].weight if which == "weight" else model[1].running_var
    parts["optimizer"].register_step_post_hook(lambda *_: tensor.data.view(-1)[0].fill_(value))
    with pytest.raises(FloatingPointError, match="weights are not finite after epoch 3; lower the"):
        list(loop.fit(**parts, epochs=[3]))


def test_a_mask_that_is_not_finite_by_design_is_no_weight_that_broke():
    parts = setting(num_steps=1)
    parts["model"].register_buffer("mask", torch.full((2, 2), -math.inf).triu(1))
    assert [one.epoch for one in loop.fit(**parts, epochs=[1])] == [1]
