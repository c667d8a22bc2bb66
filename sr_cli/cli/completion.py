"""`srup completion`: what makes a shell complete srup's words."""

import click

from sr_cli.cli.options import debug_option

_VARIABLE = "_SRUP_COMPLETE"  # click's name for it


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@debug_option
def command(shell: str) -> None:
    """Print a script that makes bash, zsh or fish complete srup's words.

    Commands, options, models, runs, sets, devices, formats and files are completed.
    Bash must be 4.4 or newer, and macOS's own is not.

    \b
    Once for bash, zsh (in a folder of $fpath) or fish:
      srup completion bash > ~/.local/share/bash-completion/completions/srup
      srup completion zsh > ~/.zfunc/_srup
      srup completion fish > ~/.config/fish/completions/srup.fish
    \b
    Or in ~/.bashrc or ~/.zshrc, which makes each start a little slower:
      eval "$(srup completion bash)"
    """
    from click.shell_completion import get_completion_class

    from sr_cli.cli import cli

    kind = get_completion_class(shell)
    assert kind
    click.echo(kind(cli, {}, "srup", _VARIABLE).source(), nl=False)
