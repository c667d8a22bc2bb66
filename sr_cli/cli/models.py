"""`srup models`: what models there are, and their way from and to the Hub."""

import click

from sr_cli.cli.models_hub import download, push, remove
from sr_cli.cli.models_list import info, list_models, path, verify


@click.group(no_args_is_help=True)
def command() -> None:
    """List models, and download, verify, remove and publish them.

    What `-m` takes is a bundled model's id, hf:owner/name[@revision][:file] on the
    Hugging Face Hub, a training run's folder, or a file of weights (.safetensors,
    .pth).  Downloads are kept in the cache of the Hub's own client, which HF_HOME
    moves; HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE and HTTPS_PROXY mean what they mean to
    it.

    \b
    Examples:
      srup models list
      srup models info srgan
      srup models verify
    """


for _command in (list_models, info, path, verify, download, remove, push):
    command.add_command(_command)
