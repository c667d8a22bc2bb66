"""`srup doctor`: what a bug report needs to tell."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import click

from sr_cli.cli.options import debug_option
from sr_cli.cli.sentences import printable

if TYPE_CHECKING:
    from sr_cli.doctor.examination import Report
    from sr_cli.doctor.extras import Extra
    from sr_cli.doctor.machine import Machine
    from sr_cli.doctor.models import ModelFound
    from sr_cli.doctor.places import Place
    from sr_cli.doctor.trials import AutoFound, EngineFound, Trial

_GIB = 1 << 30
_SHORT = 12  # digits of a hash


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Print everything as one JSON object."
)
@debug_option
def command(as_json: bool) -> int:
    """Look at the machine and at what srup runs on, and try whether it works.

    Every engine that is installed computes a small picture in every precision; the
    result is compared with the network's true answer, in levels of 255.  Bundled
    weights are verified by their hashes.  Nothing is fetched or sent.

    The report is plain text for a bug report; your home is written as ~ in it.  The
    exit code is 1 if something is broken that srup takes by itself.

    \b
    Examples:
      srup doctor
      srup doctor --json > doctor.json
    """
    from sr_cli.doctor.examination import examine
    from sr_cli.doctor.privacy import without_home

    report = examine()
    if as_json:
        click.echo(json.dumps(report.facts(), indent=2, allow_nan=False))
    else:
        for line in without_home("\n".join(lines(report))).split("\n"):
            plain = printable(line).encode("ascii", "backslashreplace")
            click.echo(plain.decode("ascii"))
    return 1 if report.problems else 0


def lines(report: "Report") -> Iterator[str]:
    """Tell it all in short lines."""
    yield from _machine(report.machine)
    gpus = report.engines.gpus
    yield from _section("GPUs", gpus or ["none that torch can use"])
    yield from _section("Taken if nothing is asked for", _auto(report.engines.auto))
    yield from _section(
        f"Engines, tried with {report.tried_with}",
        [line for engine in report.engines.engines for line in _engine(engine)],
    )
    yield from _section("Models", [_model(model) for model in report.models])
    yield from _section("Files", [_place(place) for place in report.places])
    extras = [_extra(extra) for extra in report.extras]
    yield from _section("Extras", extras or ["none known"])
    yield from _section("Problems", [f"{one}." for one in report.problems] or ["none"])


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"{title}:"
    yield from (f"  {line}" for line in lines)


def _machine(machine: "Machine") -> Iterator[str]:
    yield f"srup {machine.srup}, {machine.python}, {machine.system}"
    cores = [f"{machine.logical_cores} logical", f"{machine.usable_cores} usable"]
    if machine.physical_cores:
        cores.insert(0, f"{machine.physical_cores} cores")
    features = ", ".join(machine.features) or "no features known"
    yield from _section("CPU", [machine.cpu, ", ".join(cores), features])
    sizes = {"in all": machine.memory, "available": machine.available_memory}
    known = [f"{size / _GIB:.1f} GiB {what}" for what, size in sizes.items() if size]
    yield from _section("Memory", [", ".join(known) or "unknown"])


def _auto(auto: "AutoFound") -> Iterator[str]:
    trial = auto.trial
    if auto.engine:
        yield f"{auto.engine} on {trial.device} in {trial.precision}"
    yield _outcome(trial)
    yield from (f"- {reason}" for reason in auto.because)
    yield from (f"- {sentence}" for sentence in auto.said)


def _engine(engine: "EngineFound") -> Iterator[str]:
    if not engine.installed:
        yield f"{engine.name}: not installed"
        return
    yield f"{engine.name} {engine.version}".rstrip()
    if engine.fault:
        yield f"  BROKEN: {engine.fault}"
    for device, trials in groupby(engine.trials, lambda trial: trial.device):
        yield from (f"  {device}{line}" for line in _on_device(list(trials)))


def _on_device(trials: "list[Trial]") -> Iterator[str]:
    outcomes = [_outcome(trial) for trial in trials]
    if len(trials) > 1 and len(set(outcomes)) == 1:  # the device itself is no use
        yield f": {outcomes[0]}"
        return
    for trial, outcome in zip(trials, outcomes, strict=True):
        yield f" {trial.precision}: {outcome}"


def _outcome(trial: "Trial") -> str:
    if trial.refused:
        return f"no ({trial.refused})"
    if trial.levels_off is None:
        return f"BROKEN: {trial.fault}"
    verdict = f"BROKEN: {trial.fault}" if trial.fault else "works"
    return (
        f"{verdict}, at most {trial.levels_off:.2g} levels off, "
        f"{trial.ready_seconds:.2f} s to start, {1000 * trial.seconds:.0f} ms"
    )


def _model(model: "ModelFound") -> str:
    if model.fault:
        return f"{model.id}: BROKEN: {model.fault}"
    return f"{model.id}: verified, sha256 {model.sha256[:_SHORT]}, {model.path}"


def _place(place: "Place") -> str:
    if not place.exists:
        return f"{place.what}: {place.path}, not there"
    least = "" if place.whole else "at least "
    size = f"{place.bytes / 1e6:,.1f} MB, files: {place.files:,}"
    return f"{place.what}: {place.path}, {least}{size}"


def _extra(extra: "Extra") -> str:
    found = ", ".join(extra.found)
    if not extra.missing:
        return f"{extra.name}: {found}"
    missing = f"{', '.join(extra.missing)} missing (pip install 'srup[{extra.name}]')"
    return f"{extra.name}: {found}; {missing}" if found else f"{extra.name}: {missing}"
