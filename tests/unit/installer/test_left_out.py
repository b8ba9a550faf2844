"""What build.spec leaves out of the models' clients: the providers' own tests pass without it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.installer.test_build_spec import ROOT, Ran, root

__all__ = ["root"]

WITHOUT = """
import sys
for name in sys.argv[1].split():
    sys.modules[name] = None
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/unit/engine/providers"]))
"""


@pytest.mark.slow
def test_the_providers_need_nothing_of_it(root: Path, monkeypatch: pytest.MonkeyPatch):
    (analysis,) = Ran("linux", root, monkeypatch).of("Analysis")
    left_out = [name for name in analysis["excludes"] if name.startswith("openai.")]
    assert left_out
    done = subprocess.run([sys.executable, "-c", WITHOUT, " ".join(left_out)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
