"""What the commands of `srup models` have in common."""

import json

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Report in JSON.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show only errors.")


def write_json(facts: object) -> None:
    """Write one JSON document to standard output."""
    click.echo(json.dumps(facts, indent=2, allow_nan=False))
