"""pneumoray pack"""

import click

from pneumoray.terminal.options import as_overrides, new_study_options, workspace_option, yes_option
from pneumoray.terminal.stopping import GoesOn


@click.command(cls=GoesOn)
@new_study_options
@workspace_option
@yes_option("Go on though the study asks for more than 500 trials.")
def pack(study, data, images, overrides, small, workspace, yes, **fields):
    """Decode every image once, into the memory maps that trials read."""
    from dataclasses import asdict

    from pneumoray import study_file
    from pneumoray.grid import check_size, configurations
    from pneumoray.stages import checks, prepare
    from pneumoray.stages.default_study import default_study
    from pneumoray.terminal import console
    from pneumoray.terminal.progress import Progress
    from pneumoray.workspace import open_workspace

    with Progress() as progress:
        place, name = open_workspace(workspace), study or default_study(on_event=progress)
        sets = [*overrides, *as_overrides(**fields)]
        chosen = study_file.read(name, sets, small)
        check_size(chosen, yes)
        listed = prepare.list_images(chosen, data, images, place)
        configs = configurations(chosen)
        checks.check_networks(configs, listed[0].classes)
        made = prepare.pack_images(chosen, configs, listed, place, on_event=progress)
        for finding in made.findings:
            progress({"type": "finding", **asdict(finding)})
    for one in made.packs.values():
        console.say_whole(f"{one.path}: {one.manifest.images['split'].value_counts().to_dict()}")
