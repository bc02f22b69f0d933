"""Settings: how a model sees images and trains, each field with its words for people."""

from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field

from pneumoray.models.architecture import MOST_WIDE

Width = Annotated[int, Field(ge=1, le=MOST_WIDE)]


class Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class Settings(Frozen):
    """How a model sees images and trains: every field may be set for a study, a backbone or an axis."""

    weights: str = Field(
        "none",
        description="Where the first weights come from: none (random), package (an installed one), "
        "pretrained (the folder in PNEUMORAY_WEIGHTS, else a package), hub (the Hugging Face "
        "hub; of alexnet and googlenet torchvision's server), or a folder with BACKBONE.safetensors "
        "and BACKBONE.sha256.",
    )
    freeze: str = Field(
        "none",
        description="What keeps its first weights: none, backbone (all but the head), or a stage's "
        "name (all up to and including it). For pretrained weights and few images.",
    )
    # The network. A layer string takes the six from `filters` on, any other backbone `head`, `hidden`.
    head: Literal["linear", "flatten", "vgg"] = Field(
        "linear",
        description="What follows the backbone: linear (global pooling), flatten (the whole feature "
        "map), vgg (the classic head of 4096 units, for VGG and AlexNet).",
    )
    hidden: tuple[Width, ...] = Field(
        (), description="Units of the dense layers before the last one, as [16]; none by default."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the units that are dropped out before dense layers."
    )
    output: Literal["softmax", "sigmoid"] = Field(
        "softmax",
        description="softmax: one logit a class. sigmoid: one logit in all, for two classes.",
    )
    filters: tuple[Width, ...] = Field(
        (64, 128),
        min_length=1,
        description="Filters of each C without a number in a layer string; the next value from each "
        "P on, the last one stays.",
    )
    units: Width = Field(128, description="Units of each D without a number in a layer string.")
    kernel_size: int = Field(
        3, ge=1, le=31, description="Side of a layer string's convolutions, in pixels."
    )
    padding: Literal["same", "valid"] = Field(
        "same",
        description="Of a layer string's convolutions. same keeps height and width; valid loses the "
        "border.",
    )
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh"] = Field(
        "relu", description="After each convolution and dense layer of a layer string but the last."
    )
    batch_norm: bool = Field(
        False, description="Batch norm after each convolution of a layer string."
    )
    # What it sees.
    image_size: int = Field(
        224,
        ge=8,
        le=2048,
        description="Side of the square that the network sees, in pixels. 224 is what most weights "
        "were trained at; 64 is for CPUs.",
    )
    image_fit: Literal["squeeze", "pad", "crop"] = Field(
        "squeeze",
        description="How an image becomes a square: squeeze stretches it, pad adds black borders, "
        "crop takes the middle.",
    )
    crop_fraction: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Side of the middle that is taken, as a share of the short side. With image_fit "
        "crop.",
    )
    color: Literal["grey", "rgb"] = Field(
        "grey", description="Channels: grey is one, as X-rays have; rgb is three."
    )
    normalize: Literal["auto", "none", "imagenet", "train"] = Field(
        "auto",
        description="Mean and deviation that pixels are scaled by: none (0 to 1), imagenet's, those "
        "of the training images (train), or auto: as the weights were trained, without any as train.",
    )
    augment: Literal["none", "light", "wide"] = Field(
        "wide",
        description="How far training images are varied. wide zooms, turns, flips, and changes "
        "brightness and contrast much: it helps with images of other hospitals.",
    )
    flip: bool | None = Field(
        None,
        description="Mirror half of the images left to right. null: as augment says. false where "
        "the side matters.",
    )
    zoom: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Lengths vary by this share: 0.2 is from 0.8 to 1.2. null: as augment says.",
    )
    rotate: float | None = Field(
        None, ge=0, le=180, description="Degrees, either way. null: as augment says."
    )
    # How it learns.
    optimizer: Literal["adam", "adamw", "sgd"] = Field(
        "adamw", description="The rule of the steps; adamw asks for the least care."
    )
    lr: float = Field(
        1e-3, gt=0, description="Learning rate at its highest. For sgd try about 50 times as much."
    )
    weight_decay: float = Field(
        0.01, ge=0, description="Pull of weights towards zero; norms and biases have none."
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Of sgd.")
    schedule: Literal["constant", "cosine", "step"] = Field(
        "cosine",
        description="How the learning rate goes: constant; cosine, down to zero at the last epoch; "
        "step, lower every few epochs.",
    )
    warmup_epochs: float = Field(
        1.0, ge=0, description="Epochs in which the learning rate rises from zero."
    )
    step_epochs: int = Field(
        7, ge=1, description="Epochs after which the learning rate falls. With schedule step."
    )
    step_gamma: float = Field(
        0.1, gt=0, le=1, description="What it is multiplied by then. With schedule step."
    )
    epochs: int = Field(10, ge=1, description="The full budget: how often each image is seen.")
    batch_size: int = Field(
        32, ge=1, description="Images a step, over all workers: they share it evenly."
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of each label that is spread over all classes."
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: images of rarer classes count more in the loss, so that each class "
        "counts the same.",
    )
    clip_norm: float | None = Field(
        None, gt=0, description="Longest gradient that a step takes. null: any."
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Epochs without a better one after which a trial stops. null: it never does.",
    )
    seed: int = Field(
        0, ge=0, description="Of the first weights, the order of images, augmentation and dropout."
    )
    workers: int = Field(
        1,
        ge=1,
        description="Processes that train one final together, each with its share of a batch.",
    )

    @pydantic.field_validator("weights")
    @classmethod
    def _absolute(cls, weights: str) -> str:
        """A folder is made absolute at once: Ray's workers change theirs."""
        named = weights in ("none", "package", "pretrained", "hub")
        return weights if named else str(Path(weights).expanduser().absolute())

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch_size % self.workers:
            raise ValueError(
                f"batch_size {self.batch_size} can't be dealt evenly to {self.workers} workers"
            )
        return self
