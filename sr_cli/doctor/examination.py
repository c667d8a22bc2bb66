"""All of it, side by side."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from sr_cli.doctor.extras import Extra, extras
from sr_cli.doctor.machine import Machine, this_machine
from sr_cli.doctor.models import ModelFound, models, network_to_try
from sr_cli.doctor.places import Place, places
from sr_cli.doctor.privacy import without_home
from sr_cli.doctor.trials import EnginesFound, try_engines


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    machine: Machine
    tried_with: str
    """The model that engines were tried with."""
    engines: EnginesFound
    models: tuple[ModelFound, ...]
    places: tuple[Place, ...]
    extras: tuple[Extra, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps srup from working as it comes; sentences without a full stop.

        An engine that is broken is none as long as another one is taken.
        """
        auto = self.engines.auto
        faults = [model.fault for model in self.models if model.fault]
        if auto.trial.fault:
            what = "srup finds no engine that works"
            if auto.engine:
                what = f"{auto.engine}, which srup takes, doesn't work"
            faults.append(f"{what}: {auto.trial.fault}")
        return tuple(faults)

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values, with ~ for the user's home."""
        facts: dict[str, Any] = without_home(
            {**asdict(self), "problems": list(self.problems)}
        )
        return facts


def examine() -> Report:
    """Look at everything; it takes two or three seconds where nothing else runs.

    Nothing is fetched, and nothing changed but what srup remembers of this machine.
    """
    name, network = network_to_try()
    with ThreadPoolExecutor(1) as pool:
        trying = pool.submit(try_engines, network)
        found = models(), places(), extras()
        return Report(this_machine(), name, trying.result(), *found)
