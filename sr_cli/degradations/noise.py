"""Noise of the sensor, of the electronics, and of film."""

from dataclasses import dataclass

import numpy as np

from sr_cli.degradations.steps import Floats, Range, Size

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def gaussian_noise(
    shape: tuple[int, ...], sigma: float, random: np.random.Generator
) -> Floats:
    """Return noise of standard deviation `sigma`, whatever the brightness."""
    return random.standard_normal(shape, np.float32) * np.float32(sigma)


def poisson_noise(image: Floats, scale: float, random: np.random.Generator) -> Floats:
    """Return the noise of counting light, of standard deviation scale × √image.

    Args:
        image: (…) in 0…255, which are counts.
        scale: at 1 the noise is that of so many counts.
        random: where it comes from.
    """
    noise = random.standard_normal(image.shape, np.float32) * np.sqrt(image)
    # Drawing counts takes ten times longer, and from 16 on nobody sees the difference.
    few = image < 16
    noise[few] = random.poisson(image[few]) - image[few]
    return noise * np.float32(scale)


@dataclass(frozen=True, slots=True)
class Noise:
    """Add Gaussian or Poisson noise, to each colour its own or to all the same."""

    sigma: Range
    """Least and largest standard deviation of Gaussian noise, in 0…255."""
    poisson: Range
    """Least and largest `scale` of Poisson noise."""
    gaussian: float = 0.5
    """The chance of Gaussian noise."""
    gray: float = 0.4
    """The chance that all colours get the same."""

    def __call__(
        self, image: Floats, random: np.random.Generator, _low: Size
    ) -> Floats:
        """Return the noisy (H, W, 3), within 0…255."""
        gray = random.random() < self.gray
        if random.random() < self.gaussian:
            shape = (*image.shape[:2], 1 if gray else 3)
            noise = gaussian_noise(shape, random.uniform(*self.sigma), random)
        else:
            light = np.clip(image, 0, 255)
            if gray:
                light = (light * _LUMA).sum(axis=2, keepdims=True)
            noise = poisson_noise(light, random.uniform(*self.poisson), random)
        noisy: Floats = np.clip(image + noise, 0, 255)
        return noisy
