"""pneumoray layers"""

import click


@click.command()
@click.argument("string")
@click.option("--image-size", type=click.IntRange(8, 2048), default=224, show_default=True)
@click.option("--classes", type=click.IntRange(2), default=2, show_default=True)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A field, as filters=[32,64]."
)
def layers(string, image_size, classes, overrides):
    """Shapes and parameters of a layer STRING, as C64-C64-P-F-D128-D."""
    from pneumoray import study_file
    from pneumoray.errors import StudyError
    from pneumoray.models.layers import describe
    from pneumoray.models.names import is_layer_string
    from pneumoray.terminal.screens.layers import show_layers

    if not is_layer_string(string):
        raise StudyError(f"{string!r} is no layer string: write C64-C64-P-F-D128-D, in capitals")
    config = study_file.config_of(string, [f"image_size={image_size}", *overrides])
    show_layers(describe(config.architecture, classes), config)
