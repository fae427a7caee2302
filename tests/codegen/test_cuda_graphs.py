"""Which calls replay CUDA graphs, tested with a fake capture that needs no GPU."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import archspec
from archspec import BuildError, CudaGraphWarning
from archspec.codegen.fx import cuda_graphs
from archspec.codegen.fx.cuda_graphs import Capture, CudaGraphs, hold_inputs
from tests.processes import run_python


class Pretended(CudaGraphs):
    """Captures that run the network again, into the same outputs, instead of replaying its kernels."""

    captured: int = 0
    replayed: int = 0

    def _capture(self, run: Any, args: tuple[Any, ...]) -> Capture:
        self.captured += 1
        inputs = hold_inputs(args)
        outputs = run(*inputs)
        outputs = hold_inputs((outputs,))[0] if isinstance(outputs, Tensor) else hold_inputs(outputs)

        def replay() -> None:
            self.replayed += 1
            for place, value in zip(
                (outputs,) if isinstance(outputs, Tensor) else outputs,
                (made,) if isinstance(made := run(*inputs), Tensor) else made,
                strict=True,
            ):
                place.copy_(value)

        return Capture(inputs, outputs, replay)

    def _record(self) -> Any:
        return None


@pytest.fixture(autouse=True)
def _pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "_is_on_gpu", lambda value: type(value) is Tensor)


def graphed(name: str = "cifar_resnet20_A", **options: Any) -> tuple[Any, Pretended]:
    arch = archspec.load(name)
    model: Any = arch.build().eval()
    model.__dict__["_graphs"] = Pretended(**options)
    return model, model._graphs


def images(batch: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def test_each_form_of_input_is_captured_once_and_then_replayed() -> None:
    model, graphs = graphed()
    plain = archspec.load("cifar_resnet20_A").build().eval()
    with torch.inference_mode():
        for batch in (1, 2, 1, 2):
            torch.testing.assert_close(model(images(batch)), plain(images(batch)))
        torch.testing.assert_close(model(input=images(1)), plain(images(1)))
        model(images(2).double().float().contiguous(memory_format=torch.channels_last))
    assert (graphs.captured, graphs.replayed) == (3, 6)


def test_what_a_call_has_given_stays() -> None:
    model, _ = graphed()
    with torch.no_grad():
        first = model(images(seed=1))
        kept = first.clone()
        second = model(images(seed=2))
    assert torch.equal(first, kept) and not torch.equal(first, second)


@pytest.mark.parametrize("modes", [(torch.inference_mode, torch.no_grad), (torch.no_grad, torch.inference_mode)])
def test_a_capture_serves_both_modes_without_gradients(modes: tuple[Any, ...]) -> None:
    model, graphs = graphed()
    made = []
    for mode in modes:
        with mode():
            made.append(model(images()))
    assert torch.equal(*made) and graphs.captured == 1


def test_more_forms_than_the_limit_run_without_graphs_and_that_is_said_once() -> None:
    model, graphs = graphed(limit=2)
    with torch.inference_mode():
        made = [model(images(1)), model(images(2))]
        with pytest.warns(CudaGraphWarning, match="2 combinations of input shapes"):
            made.append(model(images(3)))
        made += [model(images(4)), model(images(1))]
    assert [len(one) for one in made] == [1, 2, 3, 4, 1]
    assert (graphs.captured, graphs.replayed) == (2, 3)


@pytest.mark.parametrize("change", ["in place", "another tensor", "load_state_dict", "a buffer"])
def test_changed_weights_are_seen(change: str) -> None:
    model, graphs = graphed()
    with torch.no_grad():
        before = model(images())
        match change:
            case "in place":
                model.fc.weight.mul_(2)
            case "another tensor":
                model.fc.weight = nn.Parameter(model.fc.weight * 2)
            case "load_state_dict":
                model.load_state_dict(archspec.load("cifar_resnet20_A").build(seed=1).state_dict())
            case "a buffer":
                model.get_buffer("stem.0.running_mean").add_(1)
        model._graphs, expected = None, model(images())
        model.__dict__["_graphs"] = graphs
        after = model(images())
    assert torch.equal(after, expected) and not torch.equal(after, before)
    assert graphs.captured == 2


def test_gradients_training_and_hooks_run_without_graphs() -> None:
    model, graphs = graphed()
    with pytest.warns(CudaGraphWarning, match=r"gradients are recorded; call it under torch.no_grad\(\)"):
        model(images()).sum().backward()
    assert model.fc.weight.grad is not None
    with torch.no_grad():
        with pytest.warns(CudaGraphWarning, match=r"it is in training mode; call eval\(\)"):
            model.train()(images())
        model.eval()
        seen: list[Any] = []
        handle = model.stage1.register_forward_hook(lambda *call: seen.append(call))
        with pytest.warns(CudaGraphWarning, match="a part of it has hooks"):
            model(images())
        model(images())
        assert len(seen) == 2 and graphs.captured == 0
        handle.remove()
        model(images())
    assert graphs.captured == 1


def test_an_optimised_network_need_not_be_told_that_it_is_not_trained() -> None:
    model: Any = archspec.load("cifar_resnet20_A").optimize().build()
    model.__dict__["_graphs"] = graphs = Pretended(trains=False)
    with torch.no_grad():
        model(images())
    assert model.training and graphs.captured == 1


def test_modes_that_choose_other_kernels_have_captures_of_their_own() -> None:
    model, graphs = graphed()
    with torch.no_grad():
        model(images())
        before = torch.backends.cudnn.allow_tf32
        try:
            torch.backends.cudnn.allow_tf32 = not before
            model(images())
        finally:
            torch.backends.cudnn.allow_tf32 = before
        model(images())
    assert graphs.captured == 2


@pytest.mark.slow
def test_either_way_to_set_the_precision_is_read() -> None:
    code = """
import torch
from archspec.codegen.fx.cuda_graphs import _read_precision
first = _read_precision()
torch.backends.fp32_precision = "tf32"
assert _read_precision() != first
"""
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_captured_runs_without_graphs() -> None:
    class Refusing(Pretended):
        def _capture(self, run: Any, args: tuple[Any, ...]) -> Capture:
            super()._capture(run, args)
            raise RuntimeError("operation not permitted when stream is capturing")

    model, _ = graphed()
    model.__dict__["_graphs"] = graphs = Refusing()
    with torch.no_grad():
        with pytest.warns(CudaGraphWarning, match="it cannot be captured: operation not permitted"):
            model(images())
        assert model(images()).shape == (2, 10)
        with pytest.raises(RuntimeError, match="to have 3 channels"):
            model(torch.zeros(1, 4, 32, 32))
    assert graphs.captured == 2


@pytest.mark.slow
def test_compilers_and_tracers_see_the_network() -> None:
    model, graphs = graphed()
    with torch.no_grad():
        expected = model(images())
        graphs.captured = 0
        compiled: Any = torch.compile(model, backend="eager")
        torch.testing.assert_close(compiled(images()), expected)
        exported: Any = torch.export.export(model, (images(),)).module()
        torch.testing.assert_close(exported(images()), expected)
        with FlopCounterMode(display=False) as counter:
            model(images())
    assert graphs.captured == 0 and counter.get_total_flops() > 0


def test_copies_capture_for_themselves() -> None:
    model, graphs = graphed()
    with torch.no_grad():
        expected = model(images())
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301 - our own bytes
            assert twin._graphs is not graphs and twin._graphs.limit == graphs.limit and not twin._graphs._captures
            twin.__dict__["_graphs"] = None
            assert torch.equal(twin(images()), expected)


def test_threads_take_turns() -> None:
    model, graphs = graphed()
    made: dict[int, list[Tensor]] = {}
    expected = {seed: archspec.load("cifar_resnet20_A").build().eval()(images(seed=seed)) for seed in range(4)}

    def work(seed: int) -> None:
        with torch.no_grad():
            made[seed] = [model(images(seed=seed)) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert graphs.captured == 1
    for seed, results in made.items():
        for result in results:
            torch.testing.assert_close(result, expected[seed])


def test_several_outputs_and_inputs() -> None:
    arch = archspec.load(
        "{name: pair, inputs: {a: [4], b: [4]}, stages: {sum: {add: [a, b]}, left: {linear: 2, from: sum}, right: {linear: 3, from: sum}}, "
        "outputs: [left, right]}"
    )
    model: Any = arch.build().eval()
    a, b = torch.randn(2, 4), torch.randn(2, 4)
    with torch.no_grad():
        expected = model(a, b)
        model.__dict__["_graphs"] = Pretended()
        for _ in range(2):
            torch.testing.assert_close(tuple(model(a, b=b)), tuple(expected))


def test_no_cpu_has_cuda_graphs() -> None:
    for arch in (archspec.load("cifar_resnet20_A"), archspec.load("cifar_resnet20_A").optimize()):
        with pytest.raises(BuildError, match="a CUDA graph needs a CUDA device, got cpu"):
            arch.build(graph=True)
