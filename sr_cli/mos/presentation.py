"""The order in which one rater sees the items.

The page from a disk draws its own by the same rule, in `rate.html`.
"""

import random

from sr_cli.mos.study import Study

APART = 5
"""Items between the two showings of a repeated one, where there are as many: the
second should be judged afresh."""


def presentation(study: Study, source: random.Random) -> tuple[str, ...]:
    """Return every item once, and `study.repeats` of them a second time.

    The second showings are spread at random over what follows the first.
    """
    order = list(study.items)
    source.shuffle(order)
    apart = min(APART, len(order) - 1)
    # The last items would have nowhere to go back to.
    early = order[: max(len(order) - apart, study.repeats)]
    for item in source.sample(early, study.repeats):
        first = order.index(item)
        order.insert(
            source.randint(min(first + 1 + apart, len(order)), len(order)), item
        )
    return tuple(order)
