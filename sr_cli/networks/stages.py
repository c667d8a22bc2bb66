"""Where a network is best cut in two for a CPU's caches."""

from sr_cli.networks.fuse import Add, Conv, Keep, Layer, Network, Shuffle

Layers = tuple[Layer, ...]


def body_and_tail(network: Network) -> tuple[Layers, Layers] | None:
    """Cut a network of convolutions behind its last sum, where it begins to widen.

    SRResNet's body needs 37 of the halo's 40 pixels and holds 64 channels; its tail
    needs 3 and holds up to 1,024 values for each input pixel.  So the body likes
    large windows, and the tail small ones that stay in cache.

    Returns None where there is no such place: a kind of layer other than
    convolution, sum and shuffle, or a shuffle before the last sum; and for a network
    that doesn't begin with a convolution and end with one without PReLU.
    """
    layers = network.layers
    sums = [i for i, layer in enumerate(layers) if isinstance(layer, Add)]
    if not sums or not all(isinstance(x, Conv | Keep | Add | Shuffle) for x in layers):
        return None
    body, tail = layers[: sums[-1] + 1], layers[sums[-1] + 1 :]
    last = [layer for layer in tail if isinstance(layer, Conv)][-1:]
    if not last or last[0].slope is not None or not isinstance(body[0], Conv):
        return None
    if any(isinstance(layer, Shuffle) for layer in body):
        return None
    return body, tail
