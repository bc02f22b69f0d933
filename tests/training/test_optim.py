import math

import pytest
import torch
from torch import nn

from pneumoray.training.optim import (
    balanced_weights,
    build_loss,
    build_optimizer,
    build_schedule,
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def build(model, name="sgd", lr=0.1, weight_decay=0.0, momentum=0.0, clip_norm=None):
    return build_optimizer(model, name, lr, weight_decay, momentum, clip_norm)


def learning_rates(name, epochs=4, steps_per_epoch=5, warmup_epochs=0, step=(1, 0.1)):
    optimizer = build(nn.Linear(2, 2), lr=1.0)
    schedule = build_schedule(optimizer, name, epochs, steps_per_epoch, warmup_epochs, *step)
    rates = []
    for _ in range(epochs * steps_per_epoch):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)],
)
def test_an_optimizer_is_built_by_name_and_lowers_the_loss(model, name, kind):
    optimizer = build(model, name, lr=0.01, weight_decay=1e-3, momentum=0.9)
    assert type(optimizer) is kind
    images, labels = torch.randn(8, 1, 4, 4), torch.arange(8) % 2
    losses = []
    for _ in range(20):
        loss = build_loss(0.0, None)(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_norms_biases_and_frozen_parameters_do_not_decay(model):
    frozen, decayed = model[0].weight, model[3].weight
    frozen.requires_grad_(False)
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = build(model, lr=0.5, weight_decay=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for parameter, old in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(parameter, old * 0.95 if parameter is decayed else old)


def test_sgd_with_momentum_takes_the_steps_worked_out_by_hand():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    optimizer = build(model, momentum=0.9)
    for expected in (-0.1, -0.29):  # velocities 1 and 1.9
        model.weight.grad = torch.ones(1, 1)
        optimizer.step()
        torch.testing.assert_close(model.weight.item(), expected)


@pytest.mark.parametrize(("clip_norm", "length"), [(None, 5.0), (1.0, 1.0), (10.0, 5.0)])
def test_the_gradient_is_clipped_by_its_global_norm(clip_norm, length):
    model = nn.Linear(1, 1)
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    optimizer = build(model, lr=1.0, clip_norm=clip_norm)
    model.weight.grad, model.bias.grad = torch.tensor([[3.0]]), torch.tensor([4.0])
    optimizer.step()
    moved = before - torch.cat([p.detach().flatten() for p in model.parameters()])
    torch.testing.assert_close(moved, torch.tensor([0.6, 0.8]) * length, rtol=1e-5, atol=1e-5)


def test_constant_stays():
    assert learning_rates("constant") == [1.0] * 20


def test_cosine_follows_half_a_cosine_over_the_full_budget():
    rates = learning_rates("cosine")
    assert rates == pytest.approx([0.5 + 0.5 * math.cos(math.pi * i / 20) for i in range(20)])


def test_warm_up_rises_to_the_full_rate_and_the_cosine_spans_what_is_left():
    rates = learning_rates("cosine", warmup_epochs=1)
    assert rates[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert rates[6:] == pytest.approx(
        [0.5 + 0.5 * math.cos(math.pi * i / 15) for i in range(1, 15)]
    )
    assert learning_rates("constant", warmup_epochs=2)[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_cosine_with_nothing_but_warm_up_never_divides_by_zero():
    assert learning_rates("cosine", epochs=1, warmup_epochs=1) == pytest.approx(
        [0.2, 0.4, 0.6, 0.8, 1.0]
    )


def test_steps_fall_by_their_factor_after_their_epochs():
    rates = learning_rates("step", epochs=5, steps_per_epoch=2, step=(2, 0.1))
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_a_schedule_resumes_where_it_stopped():
    def fresh():
        optimizer = build(nn.Linear(2, 2), "adamw", lr=1.0)
        return optimizer, build_schedule(optimizer, "cosine", 4, 5, 1, 1, 0.1)

    def advance(optimizer, schedule, num_steps):
        for _ in range(num_steps):
            optimizer.step()
            schedule.step()
        return schedule.get_last_lr(), optimizer.param_groups[0]["lr"]

    first = fresh()
    advance(*first, 7)
    resumed = fresh()
    for new, old in zip(resumed, first, strict=True):
        new.load_state_dict(old.state_dict())
    assert advance(*resumed, 5) == advance(*first, 5)
    assert advance(*resumed, 0) == advance(*fresh(), 12)


def test_the_loss_is_the_one_worked_out_by_hand():
    logits, labels = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]]), torch.tensor([1, 0])
    three_quarters, half = -math.log(0.75), math.log(2)
    plain = build_loss(0.0, None)(logits, labels).item()
    assert plain == pytest.approx((three_quarters + half) / 2)
    smooth = build_loss(0.2, None)(logits, labels).item()
    assert smooth == pytest.approx((0.9 * three_quarters - 0.1 * math.log(0.25) + half) / 2)
    weighted = build_loss(0.0, torch.tensor([3.0, 1.0]))(logits, labels).item()
    assert weighted == pytest.approx((three_quarters + 3 * half) / 4)


def test_balanced_weights_give_each_class_the_same_total():
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    weights = balanced_weights(labels, 3)
    assert weights.dtype == torch.float32
    assert (weights * torch.bincount(labels)).tolist() == pytest.approx([10 / 3] * 3)
    assert weights[labels].mean().item() == pytest.approx(1)
    assert balanced_weights(labels, 4).isfinite().all()


def test_unknown_names_are_refused_with_the_known_ones(model):
    with pytest.raises(ValueError, match="'adammm' is not one of adam, adamw, sgd"):
        build(model, "adammm")
    with pytest.raises(ValueError, match="'linear' is not one of constant, cosine, step"):
        build_schedule(build(model), "linear", 1, 1, 0, 1, 0.1)
