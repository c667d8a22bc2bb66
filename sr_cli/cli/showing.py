"""Options that show what was made: a page of pictures, and a map of inventions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sr_cli.cli import completers
from sr_cli.cli.options import Running, packed

if TYPE_CHECKING:
    from sr_cli.jobs import Job

_FAITHFUL, _CRISP = "srresnet", "srgan"


@dataclass(frozen=True, slots=True)
class Showing:
    """What is to be shown, as asked for."""

    compare_page: Path | None
    map_file: Path | None

    def check(self, jobs: "Sequence[Job]", *, overwrite: bool) -> None:
        """Refuse before any work what couldn't be shown.

        Raises:
            click.UsageError: streams, which can't be read again, or several pictures
                for one map.
            DataError, PictureError: the page or the map can't be written.
        """
        if self.compare_page is not None:
            from sr_cli.viewer.saving import check_page

            if any(job.source is None or job.target is None for job in jobs):
                raise click.UsageError("--compare needs files, not streams.")
            check_page(self.compare_page, overwrite=overwrite)
        if self.map_file is not None:
            from sr_cli.picture import check_target

            if len(jobs) > 1 or jobs[0].source is None:
                raise click.UsageError("--map takes one picture, from a file.")
            if self.map_file in (jobs[0].source, jobs[0].target):
                raise click.UsageError("--map needs a file of its own.")
            check_target(self.map_file, overwrite=overwrite)

    def show(
        self,
        done: "Sequence[Job]",
        model: str,
        running: Running,
        *,
        page: int | None,
        overwrite: bool,
    ) -> list[str]:
        """Write the page and the map of what was upscaled, and say so.

        Raises:
            SrupError: a result can't be read again, or something not written.
        """
        said = []
        if self.compare_page is not None and done:
            said.append(self._page(done, page, overwrite=overwrite))
        if self.map_file is not None and done:
            said.append(self._map(done[0], model, running, page, overwrite=overwrite))
        return said

    def _page(self, done: "Sequence[Job]", page: int | None, *, overwrite: bool) -> str:
        from sr_cli.viewer.compare import before_and_after
        from sr_cli.viewer.page import build
        from sr_cli.viewer.saving import save_page, told

        assert self.compare_page is not None
        pairs = [(j.source, j.target) for j in done if j.source and j.target]
        text = build("Before and after", before_and_after(pairs, page))
        save_page(text, self.compare_page, overwrite=overwrite)
        return told(text, self.compare_page)

    def _map(
        self,
        job: "Job",
        model: str,
        running: Running,
        page: int | None,
        *,
        overwrite: bool,
    ) -> str:
        from sr_cli import picture
        from sr_cli.cli.sentences import say
        from sr_cli.viewer.heat import heat_map
        from sr_cli.viewer.invention import invented
        from sr_cli.weights import load_model

        assert self.map_file is not None
        assert job.source is not None
        crisp = _CRISP if model == _FAITHFUL else model
        sure, other = (
            running.open(load_model(name, offline=running.offline), say)
            for name in (_FAITHFUL, crisp)
        )
        found = invented(picture.read(job.source, page=page), sure, other)
        picture.write(heat_map(found), self.map_file, overwrite=overwrite)
        return (
            f"{self.map_file}: beside {_FAITHFUL}, {crisp} invented "
            f"{found.mean:.2f} of 255 levels"
        )


_file = click.Path(path_type=Path)

showing_options = packed(
    "showing",
    Showing,
    click.option(
        "--compare",
        "compare_page",
        type=_file,
        help="Write a page that shows inputs and results beside each other.",
        shell_complete=completers.files,
    ),
    click.option(
        "--map",
        "map_file",
        type=_file,
        help="Draw where srgan, or the model given by -m, differs from srresnet beyond "
        "what the input determines.",
        shell_complete=completers.files,
    ),
)
"""--compare and --map."""
