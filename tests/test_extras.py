"""Missing and broken optional packages are reported as such, before the work that needs them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import archspec
from archspec import extras
from tests.cli.surface import run, write_spec

FAULTS = {
    "raise RuntimeError('operator torchvision::nms does not exist')": "operator torchvision::nms does not exist",
    "raise OSError('libcudart.so.13: cannot open shared object file')": "libcudart.so.13: cannot open shared object file",
    "raise ImportError('undefined symbol: _ZN3c10')": "undefined symbol: _ZN3c10",
    "import no_such_dependency": "No module named 'no_such_dependency'",
    "raise AttributeError('np.float_ was removed')": "np.float_ was removed",
}
USES = {
    "resvg_py": ["draw", "{spec}", "-o", "{folder}/a.png"],
    "onnx": ["build", "{spec}", "-o", "{folder}/a.onnx"],
    "onnxscript": ["build", "{spec}", "-o", "{folder}/a.onnx"],
    "safetensors": ["build", "{spec}", "-o", "{folder}/a.safetensors"],
    "torchvision": ["build", "{spec}", "--device", "cpu", "--weights", "torchvision:resnet18"],
    "lightning_fabric": ["train", "{spec}", "-o", "{folder}/a.pt"],
    "huggingface_hub": ["build", "{spec}", "--device", "cpu", "--weights", "hub:me/row"],
    "sklearn": ["train", "{spec}", "-o", "{folder}/a.pt"],
    "matplotlib": ["experiment", "lesion", "{spec}", "-o", "{folder}/a.png"],
}
"""A command that needs each optional package."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_spec(tmp_path)
    (tmp_path / "packages").mkdir()
    return tmp_path


def forget(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a package appear as not yet imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)


def line(package: str, folder: Path) -> list[str]:
    return [word.format(spec=folder / "row.yaml", folder=folder) for word in USES[package]]


@pytest.mark.parametrize("package", USES)
@pytest.mark.parametrize("code", FAULTS, ids=[reason.split(":")[0] for reason in FAULTS.values()])
def test_a_broken_package_is_not_called_missing(
    package: str, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(package, monkeypatch)
    (folder / "packages" / package).mkdir()
    (folder / "packages" / package / "__init__.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder / "packages"))
    result = run(*line(package, folder))
    assert result.exit_code == 2
    assert f"{package}, which is installed but cannot be imported" in result.stderr
    assert FAULTS[code] in result.stderr
    assert "not installed" not in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["packages", "row.yaml"]


@pytest.mark.parametrize("package", USES)
def test_a_missing_package_is_said_with_what_installs_it(
    package: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(package, monkeypatch)
    monkeypatch.setitem(sys.modules, package, None)
    result = run(*line(package, folder))
    assert result.exit_code == 2
    assert f"{package}, which is not installed: pip install" in result.stderr


def test_half_a_package_is_broken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without modules, as an uninstalled package may leave."""
    (folder / "packages" / "half_removed").mkdir()
    monkeypatch.syspath_prepend(str(folder / "packages"))
    with pytest.raises(extras.UnavailableError, match=r"installed but cannot be imported: .* 'half_removed.models'"):
        extras.load_extra("half_removed.models", "this", "pip install it")


@pytest.mark.parametrize(
    "code", ["raise OSError('libtorch_cpu.so: cannot open shared object file')", "import no_such_dependency"]
)
def test_a_broken_torch(code: str, folder: Path) -> None:
    (folder / "packages" / "torch").mkdir()
    (folder / "packages" / "torch" / "__init__.py").write_text(code, encoding="utf-8")
    for command in (["build", "row.yaml"], ["train", "row.yaml", "-o", "a.pt"]):
        done = subprocess.run(
            [sys.executable, "-m", "archspec", *command],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(folder / "packages"), str(Path(archspec.__file__).parent.parent)]),
            },
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 2
        assert "needs torch, which is installed but cannot be imported" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_pictures_are_refused_before_the_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archspec.experiments import training

    monkeypatch.setattr(training, "begin_training", lambda *_, **__: pytest.fail("the training began"))
    forget("matplotlib", monkeypatch)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(*line("matplotlib", folder)).exit_code == 2


def test_an_interrupt_is_no_broken_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(extras, "import_module", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extras.load_extra("json", "it", "pip install it")


def test_there_is_one_way_to_ask() -> None:
    """No other module catches a failed import, and all packages that are loaded are tested here."""
    package = Path(archspec.__file__).parent
    asked, caught = set(), set()
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ExceptHandler)
                and node.type is not None
                and "ModuleNotFoundError" in ast.unparse(node.type)
            ):
                caught.add(name)
            if (
                isinstance(node, ast.ExceptHandler)
                and node.type is not None
                and "ImportError" in ast.unparse(node.type)
            ):
                caught.add(name)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.partition(".")[0] in USES:
                asked.add(node.value.partition(".")[0])
    assert caught == {"temporary.py", "codegen/fx/emit.py"}  # modules that Windows' Python and torch may lack
    assert asked >= set(USES) - {"torchvision"}
