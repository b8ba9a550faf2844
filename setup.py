"""Puts the built browser GUI into a wheel, as app/gui. Everything else stands in pyproject.toml.

Without a built GUI the wheel has none, and the gateway serves no page.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

GUI = Path(__file__).parent / "gui" / "dist"
WITHOUT = "the browser GUI is not built (make gui), so this wheel has none and the gateway will serve no page"


class WithGui(build_py):
    """Copies gui/dist beside the packages; a working copy finds it where it is."""

    def run(self) -> None:
        """Build anew: what lies there from an earlier build may be of modules that are gone."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        if all((GUI / name).is_file() for name in ("index.html", "licences.txt")):
            shutil.copytree(GUI, Path(self.build_lib) / "app" / "gui")
        else:
            self.warn(WITHOUT)


setup(cmdclass={"build_py": WithGui})
