"""How a file's outcome is told, in words and in JSON."""

from typing import TYPE_CHECKING

from sr_cli.cli.sentences import printable
from sr_cli.jobs import Job, Outcome

if TYPE_CHECKING:
    from sr_cli.batch import Step, Verdict

_PLANNED: "dict[Verdict, str]" = {
    "upscale": "Would upscale {source} → {target}: {reason}.",
    "keep": "Would keep {target}: {reason}.",
    "leave": "Would skip {source}: {reason}.",
    "fail": "Would fail: {reason}",
}


def source_name(job: Job) -> str:
    """Name a job's input for people."""
    return "standard input" if job.source is None else str(job.source)


def outcome_sentence(outcome: Outcome) -> str:
    """Say what became of a job in one line."""
    job = outcome.job
    name = source_name(job)
    if outcome.status == "failed":
        return printable(f"Error: {' '.join(outcome.notes)}")
    if outcome.status == "skipped":
        return printable(f"Skipped {name}: {' '.join(outcome.notes)}.")
    target = "standard output" if job.target is None else job.target
    size = f"{outcome.width}×{outcome.height}"
    return printable(f"{name} → {target} ({size}, {outcome.seconds:.1f} s)")


def outcome_facts(outcome: Outcome) -> dict[str, object]:
    """Return what JSON says of a job."""
    return {
        **job_facts(outcome.job),
        "status": outcome.status,
        "width": outcome.width,
        "height": outcome.height,
        "seconds": round(outcome.seconds, 3),
        "notes": list(outcome.notes),
    }


def job_facts(job: Job) -> dict[str, object]:
    """Return what JSON calls a job's files."""
    return {
        "input": "-" if job.source is None else str(job.source),
        "output": "-" if job.target is None else str(job.target),
    }


def step_sentence(step: "Step") -> str:
    """Say what a batch would do about an input."""
    job = step.job
    sentence = _PLANNED[step.verdict].format(
        source=job.source, target=job.target, reason=step.reason
    )
    return printable(sentence)


def step_facts(step: "Step") -> dict[str, object]:
    """Return what JSON says of a batch's plan for an input."""
    return {**job_facts(step.job), "verdict": step.verdict, "reason": step.reason}
