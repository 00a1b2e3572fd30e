"""Stand-ins for installed packages: a name, a release, and nothing that could be imported."""

from __future__ import annotations

import importlib
import sys


class Distributions:
    """Installs stand-ins into a folder on the import path; importing one is an error."""

    def __init__(self, folder, monkeypatch):
        self._folder = folder
        monkeypatch.syspath_prepend(folder)

    def install(self, name, version):
        module = self._folder / name.replace("-", "_")
        module.mkdir()
        (module / "__init__.py").write_text("raise AssertionError('a stand-in was imported')\n")
        metadata = self._folder / f"{module.name}-{version}.dist-info"
        metadata.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (metadata / "METADATA").write_text(text)
        importlib.invalidate_caches()

    @staticmethod
    def imported(*names):
        return [name for name in names if name in sys.modules]
