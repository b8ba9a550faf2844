"""Puts the built browser GUI into a wheel, as app/gui, and into an sdist. Everything else stands in pyproject.toml.

Without a built GUI the wheel has none, and the gateway serves no page.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

GUI = Path(__file__).parent / "gui" / "dist"
WITHOUT = "the browser GUI is not built (make gui), so this wheel has none and the gateway will serve no page"


def is_built() -> bool:
    """Whether there is a GUI that may be handed on."""
    return all((GUI / name).is_file() for name in ("index.html", "licences.txt"))


class WithGui(build_py):
    """Copies gui/dist beside the packages; a working copy finds it where it is."""

    def run(self) -> None:
        """Build anew: what lies there from an earlier build may be of modules that are gone."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        if is_built():
            shutil.copytree(GUI, Path(self.build_lib) / "app" / "gui")
        else:
            self.warn(WITHOUT)


class SdistWithGui(sdist):
    """Copies gui/dist too. A MANIFEST.in could name it, but with one setuptools walks through the whole tree, and follows the links of
    the Windows rig's drives out of it.
    """

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Lay out what is packed."""
        super().make_release_tree(base_dir, files)
        if is_built():
            shutil.copytree(GUI, Path(base_dir) / "gui" / "dist", dirs_exist_ok=True)


setup(cmdclass={"build_py": WithGui, "sdist": SdistWithGui})
