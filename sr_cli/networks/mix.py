"""Between two trainings of one network.

Networks that were trained from one another can be interpolated weight by weight, and
what lies between them behaves so (Wang et al., ESRGAN, 2018, section 3.4).
"""

from sr_cli.errors import ModelError
from sr_cli.networks.fuse import Conv, Layer, Network


def mix(one: Network, other: Network, share: float) -> Network:
    """Return the network that has `share` (0 to 1) of `other`, the rest of `one`.

    Raises:
        ModelError: they are not the same network, trained differently.
    """
    if share == 0:
        return one
    if share == 1:
        return other
    alike = (one.scale, len(one.layers)) == (other.scale, len(other.layers))
    if not alike:
        raise _unlike()
    pairs = zip(one.layers, other.layers, strict=True)
    return Network(tuple(_mixed(a, b, share) for a, b in pairs), one.scale)


def _mixed(a: Layer, b: Layer, share: float) -> Layer:
    if not isinstance(a, Conv) or not isinstance(b, Conv):
        if a != b:
            raise _unlike()
        return a
    if a.weight.shape != b.weight.shape or (a.slope is None) != (b.slope is None):
        raise _unlike()
    slope = None
    if a.slope is not None and b.slope is not None:
        slope = a.slope + share * (b.slope - a.slope)
    return Conv(
        a.weight + share * (b.weight - a.weight),
        a.bias + share * (b.bias - a.bias),
        slope,
    )


def _unlike() -> ModelError:
    return ModelError(
        "Only two trainings of the same network can be mixed",
        "Leave out --strength, or choose a model like srresnet",
    )
