"""pneumoray studies"""

import click


@click.group(invoke_without_command=True)
@click.pass_context
def studies(context):
    """List the studies that come with pneumoray; 'studies show NAME' prints one."""
    from pneumoray import study_file
    from pneumoray.terminal import console

    if context.invoked_subcommand is None:
        names = study_file.shipped()
        width = max(map(len, names)) + 2
        for name in names:
            console.say(study_file.read(name).description, head=f"{name:{width}}")


@studies.command()
@click.argument("name")
def show(name):
    """Print the YAML of a study: its source, command, results, settings."""
    from pneumoray import study_file

    click.echo(study_file.text_of(name), nl=False)
