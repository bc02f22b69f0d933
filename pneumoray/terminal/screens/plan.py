"""What a study would train, and for how long."""

from typing import TYPE_CHECKING

from pneumoray.evaluation.tables import speed
from pneumoray.terminal.console import duration, say
from pneumoray.terminal.table import Table

if TYPE_CHECKING:
    from pneumoray.stages.plan import Plan


def show_plan(made: "Plan") -> None:
    """Print what a study would train, and for how long."""
    from pneumoray.comparing.axes import setting, varying
    from pneumoray.evaluation.tables import shown

    fields = [field for field in varying(made.configs) if field != "backbone"]
    table = Table(f"Trials of study {made.study}", "trial", *fields, words=("trial", *fields))
    for config in made.configs:
        table.add_row(config.trial_id, *(shown(setting(config, field)) for field in fields))
    table.show()
    columns = ("backbone", "px", "trials", "images/s", "epochs", "worker hours", "disk MiB")
    table = Table("Estimate", *columns, words=("backbone",))
    for one in made.backbones:
        table.add_row(
            one.backbone,
            str(one.image_size),
            str(one.num_trials),
            speed(one.images_per_second),
            str(one.epochs),
            f"{one.hours:.2f}",
            f"{one.disk_mib:.0f}",
        )
    table.show()
    count = len(made.configs)
    say(
        f"{count} trial{'s' * (count != 1)} on {made.num_images} images, {made.slots} side by side on "
        f"{made.device}: about {duration(made.hours * 3600)} and {made.disk_mib / 1024:.1f} GiB"
    )
    say(
        f"{duration(made.extra_hours * 3600)} of it are start-up, reading images, and reports at the "
        "end; nothing started"
    )
