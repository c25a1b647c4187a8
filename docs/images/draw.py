"""Run a script of the galleries and save its pictures, on light or on dark.

python docs/images/draw.py SCRIPT FILE.png [STYLE] [OPTIONS OF THE SCRIPT ...]
"""

import runpy
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def draw(script, path, style="default", *options):
    """Save the figures of a script; numbered, if there are several."""
    end = "_dark" if style == "dark_background" else ""
    sys.argv = [str(script), *options]
    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.style.context(style):
        runpy.run_path(str(script), run_name="__main__")
        numbers = plt.get_fignums()
        for number in numbers:
            which = f"_{number}" if len(numbers) > 1 else ""
            file = path.with_stem(f"{path.stem}{which}{end}")
            plt.figure(number).savefig(file, dpi=80)
            print(f"Saved {file}")
    plt.close("all")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
