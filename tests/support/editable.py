"""`pip install -e FOLDER` without pip: a package of a folder, as if it were installed in a place that is on the path.

python editable.py FOLDER PLACE
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def install(folder: Path, place: Path) -> None:
    """Link the package of a folder into a place, with the entry points that its pyproject.toml names."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    package = name.replace("-", "_")
    known = place / f"{package}-{version}.dist-info"
    known.mkdir(parents=True)
    (place / package).symlink_to((folder / package).resolve())
    (known / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{point} = {value}" for point, value in points.items())]
    (known / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    install(Path(sys.argv[1]), Path(sys.argv[2]))
