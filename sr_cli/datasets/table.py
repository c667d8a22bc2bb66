"""The sets that are known by name: their parts, sources, licences and papers."""

from dataclasses import dataclass

from sr_cli.fetch import RemoteFile


@dataclass(frozen=True, slots=True)
class Archive:
    """A source of pictures: one file that holds them all."""

    file: RemoteFile
    about: int | None = None
    """Its size in bytes, to three digits, where the exact one is not known."""
    inside: str = ""
    """Where the pictures lie in it, if not all are wanted."""

    @property
    def address(self) -> str:
        """Where people get it."""
        return self.file.url

    @property
    def size(self) -> int | None:
        """What has to be downloaded, in bytes, as far as it is known."""
        return self.file.size or self.about


@dataclass(frozen=True, slots=True)
class SinglePictures:
    """A source of pictures: a PNG file for each, numbered from 1."""

    folder: str
    """Address of the folder, with a slash at the end."""
    name: str
    """With a place for the number."""
    address: str
    """Where people get them."""
    about: int
    """The size of all in bytes, to three digits."""

    @property
    def size(self) -> int:
        """What has to be downloaded, in bytes."""
        return self.about


@dataclass(frozen=True, slots=True)
class Part:
    """What of a set is used, and for what its folder is named."""

    folder: str
    """The folder's name, inside the one that holds all sets."""
    what: str
    pictures: int
    source: Archive | SinglePictures


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A published set of pictures."""

    id: str
    title: str
    training: Part
    measuring: Part | None
    """The part that published figures are for, if there are such."""
    licence: str
    paper: str
    caution: str = ""
    """What has to be known by who uses it, a sentence."""


def _self_exemplars(title: str, pictures: int, about: int) -> Part:
    """Describe one of the four sets that come with the SelfExSR code.

    They are the pictures that the literature measures 4x on, sides cut to multiples
    of 4: bicubic interpolation of them gives the published 28.42, 26.00, 25.96 and
    23.14 dB.  Git's commit id vouches for them; the sizes are those of copies.
    """
    commit = "8f6dd8c1d20cb7e8792a7177b4f6fd677633f598"
    repo, path = "jbhuang0604/SelfExSR", f"{commit}/data/{title}/image_SRF_4"
    source = SinglePictures(
        f"https://raw.githubusercontent.com/{repo}/{path}/",
        "img_{:03d}_SRF_4_HR.png",
        f"https://github.com/{repo}/tree/{path}",
        about,
    )
    return Part(title, "its pictures", pictures, source)


_UNLICENSED = "research use; its authors give no licence"
_BERKELEY = "non-commercial research and education"

# Sizes and hashes are as others published them; None stands where nobody did.
_DIV2K_TRAIN = Archive(
    # tensorflow/datasets, url_checksums/div2k.txt
    RemoteFile(
        "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_train_HR.zip",
        3530603713,
        "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
    )
)
_DIV2K_VALID = Archive(
    # the same
    RemoteFile(
        "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_valid_HR.zip",
        448993893,
        "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
    )
)
_FLICKR2K = Archive(
    # The originals alone; the authors' Flickr2K.tar also holds smaller copies.  Hash
    # and size by the Hub's page of the file.
    RemoteFile(
        "https://huggingface.co/datasets/goodfellowliu/Flickr2K/resolve/main/"
        "Flickr2K.zip",
        sha256="401a5b1d247d18d1114b77b069e3c7bf235c80f06b8b9caaef0086d07f1d42a3",
    ),
    about=11_600_000_000,
)
_BSDS300 = Archive(
    # The hash is pinned by several public download scripts for this address.
    RemoteFile(
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/segbench/"
        "BSDS300-images.tgz",
        sha256="a5f7d0e49fe135c75518a3543ced24470156fd69305ae77845dff2a5138652b4",
    ),
    inside="images/train",
)
_SET5 = _self_exemplars("Set5", 5, 900_000)
_SET14 = _self_exemplars("Set14", 14, 5_000_000)
_BSD100 = _self_exemplars("BSD100", 100, 27_100_000)
_URBAN100 = _self_exemplars("Urban100", 100, 136_000_000)

KNOWN_SETS = (
    KnownSet(
        "div2k",
        "DIV2K",
        Part("div2k", "the 800 training photos", 800, _DIV2K_TRAIN),
        Part("DIV2K_valid_HR", "the 100 validation photos", 100, _DIV2K_VALID),
        "academic research; the photos belong to their owners",
        "Agustsson and Timofte, NTIRE 2017 Challenge on Single Image "
        "Super-Resolution: Dataset and Study, CVPRW 2017",
    ),
    KnownSet(
        "flickr2k",
        "Flickr2K",
        Part("flickr2k", "all 2650 photos", 2650, _FLICKR2K),
        None,
        _UNLICENSED,
        "Lim et al., Enhanced Deep Residual Networks for Single Image "
        "Super-Resolution, CVPRW 2017",
    ),
    KnownSet(
        "bsds300",
        "BSDS300",
        Part("bsds300", "the 200 training photos", 200, _BSDS300),
        None,  # its 100 test photos are bsd100
        _BERKELEY,
        "Martin et al., A Database of Human Segmented Natural Images, ICCV 2001",
        "302003.jpg shows the woman of Set5, whose figures it makes look better.",
    ),
    KnownSet(
        "set5",
        "Set5",
        _SET5,
        _SET5,
        _UNLICENSED,
        "Bevilacqua et al., Low-Complexity Single-Image Super-Resolution based on "
        "Nonnegative Neighbor Embedding, BMVC 2012",
    ),
    KnownSet(
        "set14",
        "Set14",
        _SET14,
        _SET14,
        _UNLICENSED,
        "Zeyde et al., On Single Image Scale-Up Using Sparse-Representations, "
        "Curves and Surfaces 2010",
    ),
    KnownSet(
        "bsd100",
        "BSD100",
        _BSD100,
        _BSD100,
        _BERKELEY,
        "Martin et al., A Database of Human Segmented Natural Images, ICCV 2001",
    ),
    KnownSet(
        "urban100",
        "Urban100",
        _URBAN100,
        _URBAN100,
        _UNLICENSED,
        "Huang et al., Single Image Super-Resolution from Transformed "
        "Self-Exemplars, CVPR 2015",
    ),
)


def known_set(name: str) -> KnownSet | None:
    """Return the set called `name`, whose capitals don't matter."""
    return next((row for row in KNOWN_SETS if row.id == name.casefold()), None)


def is_known_set(name: str) -> bool:
    """Say whether `name` is that of a known set, in any capitals."""
    return known_set(name) is not None
