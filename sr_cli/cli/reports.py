"""How a file's outcome is told, in words and in JSON."""

from sr_cli.jobs import Job, Outcome


def source_name(job: Job) -> str:
    """Name a job's input for people."""
    return "standard input" if job.source is None else str(job.source)


def outcome_sentence(outcome: Outcome) -> str:
    """Say what became of a job in one line."""
    job = outcome.job
    name = source_name(job)
    if outcome.status == "failed":
        return f"Error: {' '.join(outcome.notes)}"
    if outcome.status == "skipped":
        return f"Skipped {name}: {' '.join(outcome.notes)}."
    target = "standard output" if job.target is None else job.target
    size = f"{outcome.width}×{outcome.height}"
    return f"{name} → {target} ({size}, {outcome.seconds:.1f} s)"


def outcome_facts(outcome: Outcome) -> dict[str, object]:
    """Return what JSON says of a job."""
    job = outcome.job
    return {
        "input": "-" if job.source is None else str(job.source),
        "output": "-" if job.target is None else str(job.target),
        "status": outcome.status,
        "width": outcome.width,
        "height": outcome.height,
        "seconds": round(outcome.seconds, 3),
        "notes": list(outcome.notes),
    }
