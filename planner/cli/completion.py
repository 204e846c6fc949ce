"""`planner completion`: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import click

from planner.cli import json_output

PROGRAMS = ("planner", "inference-planner")
"""Names of the command."""
_EPILOG = """\b
Example:
  eval "$(planner completion bash)"                                      # in ~/.bashrc
  eval "$(planner completion zsh)"                                       # in ~/.zshrc, after compinit
  planner completion fish > ~/.config/fish/completions/planner.fish
"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_output.option("Print one JSON object that holds the script.")
@click.pass_context
def completion(context: click.Context, shell: str, as_json: bool) -> None:
    """Print the script that lets a shell complete planner's commands, options and files."""
    from click.shell_completion import get_completion_class

    root = context.find_root()
    name = root.info_name if root.info_name in PROGRAMS else PROGRAMS[0]
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click completes nothing in {shell}")
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    script = kind(root.command, {}, name, variable).source()
    if as_json:
        json_output.echo({"version": "completion/v1", "program": name, "shell": shell, "script": script})
    else:
        click.echo(script)
