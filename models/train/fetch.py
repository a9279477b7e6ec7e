"""Fetches the pictures of pictures.txt: downloads the Debian packages that hold them and unpacks those into a folder.

Needs apt-get, dpkg-deb and a Debian mirror that has the versions below (bookworm has), but no root.
"""

import argparse
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE / "cache"
PACKAGES = ["tuxpaint-stamps-default=2022.06.04-1", "tuxpaint-data=1:0.9.28-sdl2-1", "mate-backgrounds=1.26.0-1"]
ROOTS = {"mate": "usr/share/backgrounds"}


@dataclass(frozen=True)
class Picture:
    """A line of pictures.txt; `label` is a class, `other` or `background`."""

    label: str
    held_out: bool
    path: str

    def file(self, cache):
        root = ROOTS.get(self.path.split("/")[0], "usr/share/tuxpaint")
        return cache / "packages" / root / self.path


def pictures():
    """The whitelist in its order."""
    lines = (HERE / "pictures.txt").read_text().splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return [Picture(label, part == "test", path) for label, part, path in rows]


def fetch(cache):
    """Downloads and unpacks the packages."""
    cache.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=cache, check=True)
    for package in PACKAGES:
        name = package.split("=")[0]
        (archive,) = cache.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, cache / "packages"], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE)
    cache = parser.parse_args().cache
    fetch(cache)
    missing = [picture.path for picture in pictures() if not picture.file(cache).is_file()]
    print(f"{len(pictures())} pictures" if not missing else f"missing: {', '.join(missing)}")
