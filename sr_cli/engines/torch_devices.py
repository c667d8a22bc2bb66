"""The GPUs that torch can use."""

import torch


def gpus() -> tuple[str, ...]:
    """Name each with what decides how fast it is, in a line."""
    found = []
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        found.append(
            f"cuda {index}: {facts.name}, {facts.total_memory / 2**30:.0f} GiB, "
            f"compute capability {facts.major}.{facts.minor}, CUDA {torch.version.cuda}"
        )
    if torch.backends.mps.is_available():
        found.append("mps: Apple's GPU")
    return tuple(found)
