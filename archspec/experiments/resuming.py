"""Resumes a training from its checkpoint; all parts are checked before any is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archspec.codegen.errors import WeightsError
from archspec.codegen.fx.checkpoint import copy_weights, count_bytes, not_finite
from archspec.codegen.fx.weight_files import compare_weights, compute_read_limit, read_data
from archspec.experiments.fabric import distribute_like
from archspec.experiments.randomness import choose_draws, gather_draws
from archspec.experiments.state import Epoch, Training
from archspec.experiments.track import ExperimentError

_MOMENTS = {"adamw": ("exp_avg", "exp_avg_sq"), "sgd": ("momentum_buffer",), "nesterov": ("momentum_buffer",)}
"""What each optimiser keeps of a parameter, in its shape; AdamW has the number of steps, too."""


class _PartError(ValueError):
    """Raised for a wrong part of a checkpoint."""


def resume_training(training: Training, checkpoint: Path) -> None:
    """Restores a training from its checkpoint.

    Raises:
        ExperimentError: the checkpoint is damaged or of another training, or one of its parts is missing or wrong; the training is
            unchanged.
        OSError: it cannot be read.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> from archspec.experiments.data import Data
    >>> from archspec.experiments.training import Recipe, begin_training, train_epochs
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> recipe = Recipe(epochs=2, batch=4)
    >>> training = begin_training(arch.graph, data, recipe)
    >>> epochs = list(train_epochs(training, data, recipe, checkpoint=Path("row.checkpoint")))
    >>> again = begin_training(arch.graph, data, recipe)
    >>> resume_training(again, Path("row.checkpoint"))
    >>> again.done
    2
    """
    try:
        state = read_data(checkpoint, limit=compute_read_limit(count_bytes(training.model.state_dict())))
        history = _check_checkpoint(training, state)
    except WeightsError as error:
        raise ExperimentError(str(error)) from None
    except _PartError as error:
        raise ExperimentError(f"{checkpoint}: {error}") from None
    training.history, training.position, training.loss = history, state["position"], state["loss"]
    training.order = state["order"]
    training.draws.load(choose_draws(state["draws"], training.draws, training.fabric.global_rank))
    _copy_weights(state["model"], training.model.state_dict())
    if training.average is not None:
        _copy_weights(state["average"], training.average.values)
    _load_optimizer(training, state["optimizer"])
    training.fabric.strategy.precision.load_state_dict(state.get("scaler", {}))
    _set_rate(training)
    training.kept = training.place


def _copy_weights(whole: Mapping[str, Tensor], own: dict[str, Tensor]) -> None:
    copy_weights({name: distribute_like(weight, own[name]) for name, weight in whole.items()}, own)


def _load_optimizer(training: Training, whole: Mapping[int, Mapping[str, Tensor]]) -> None:
    parameters = _list_trained(training)
    state = {
        number: {
            name: distribute_like(value, parameters[number]) if name != "step" else value for name, value in own.items()
        }
        for number, own in whole.items()
    }
    groups = training.optimizer.state_dict()["param_groups"]
    training.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _list_trained(training: Training) -> list[torch.nn.Parameter]:
    """The parameters of the optimiser, by the numbers that it gives them."""
    return [parameter for group in training.optimizer.param_groups for parameter in group["params"]]


def _set_rate(training: Training) -> None:
    """Sets the schedule to the number of steps done, from which the learning rate follows."""
    if training.taken:
        vars(training.schedule).update(last_epoch=training.taken - 1, _step_count=training.taken + 1)
        training.schedule.step()
        vars(training.schedule).update(_step_count=training.taken + 1)


def _check_checkpoint(training: Training, state: Any) -> list[Epoch]:
    """Checks all parts of a checkpoint and returns its epochs. Raises `_PartError`."""
    expected = training.state()
    if not isinstance(state, dict):
        raise _PartError(f"expected the parts of a training, got {_describe_value(state)}")
    if state.get("key") != training.key and "key" in state:
        raise _PartError("is of another network or other data")
    _check_recipe(training.recipe, state.get("recipe", training.recipe))
    for part in [*expected, *state]:
        if part not in state or part not in expected:
            raise _PartError(f"{'it has no' if part in expected else 'it has an unknown'} part {part}")
    history = _read_history(state["history"], training.epochs)
    _check_count("position", state["position"], training.steps if len(history) < training.epochs else 0)
    _check_number("loss", state["loss"])
    _check_model(training.model.state_dict(), state["model"])
    taken = len(history) * training.steps + state["position"]
    _check_optimizer(training, state["optimizer"], taken)
    if training.average is not None:
        _check_model(training.average.values, state["average"], part="average")
    _check_scaler(expected.get("scaler", {}), state.get("scaler", {}))
    _check_generators(training, state)
    return history


_LONGEST_CHOICE = 4096


def _check_recipe(own: Mapping[str, Any], recipe: Any) -> None:
    """Raises `_PartError` with the first difference in the recipe of a checkpoint."""
    if not isinstance(recipe, Mapping):
        raise _PartError(f"recipe: expected a dict of {len(own)}, got {_describe_value(recipe)}")
    for part in [*own, *recipe]:
        expected, got = (each.get(part) or None for each in (own, recipe))
        if expected != got:
            raise _PartError(
                f"is of another recipe: {part} is {_describe_choice(got)} in it, expected {_describe_choice(expected)}"
            )


def _describe_choice(value: Any) -> str:
    """A value of a recipe; a path is not shortened, as its end tells more than its beginning."""
    if value is None:
        return "none"
    return repr(value) if isinstance(value, str) and len(value) < _LONGEST_CHOICE else _describe_value(value)


def _read_history(history: Any, epochs: int) -> list[Epoch]:
    if not isinstance(history, list) or len(history) > epochs:
        raise _PartError(f"history: expected at most {epochs} epochs, got {_describe_value(history)}")
    epochs_done: list[Epoch] = []
    for number, epoch in enumerate(history, start=1):
        part = f"history, epoch {number}"
        if not isinstance(epoch, dict) or epoch.keys() != {"number", "loss", "test_error"} or epoch["number"] != number:
            raise _PartError(f"{part}: expected its number, loss and test_error, got {_describe_value(epoch)}")
        _check_number(f"{part}, loss", epoch["loss"])
        _check_number(f"{part}, test_error", epoch["test_error"], most=1.0)
        epochs_done.append(Epoch(**epoch))
    return epochs_done


def _check_model(own: Mapping[str, Tensor], weights: Any, part: str = "model") -> None:
    _check_tensors(part, weights)
    fit = compare_weights(own, weights)
    if not fit.exact:
        raise _PartError(f"{part}: these are not the weights of this network\n{fit}")
    for name, weight in weights.items():
        _check_tensor(f"{part}, {name}", weight, own[name])


def _check_scaler(own: Mapping[str, Any], got: Any) -> None:
    """Checks the scale of float16's gradients, and what it follows from."""
    if not isinstance(got, dict) or got.keys() != own.keys():
        raise _PartError(f"scaler: expected {', '.join(own)}, got {_describe_value(got)}")
    for name, value in got.items():
        _check_number(f"scaler, {name}", float(value) if type(value) is int else value)


def _check_optimizer(training: Training, got: Any, taken: int) -> None:
    parameters, moments = _list_trained(training), _MOMENTS[training.recipe["optimizer"]]
    counted = ("step",) if "exp_avg" in moments else ()
    if not isinstance(got, dict) or not all(type(key) is int and 0 <= key < len(parameters) for key in got):
        raise _PartError(f"optimizer: expected the state of {len(parameters)} parameters, got {_describe_value(got)}")
    for number, state in got.items():
        part = f"optimizer, parameter {number}"
        _check_tensors(part, state)
        if state.keys() != {*counted, *moments}:
            raise _PartError(f"{part}: expected {', '.join((*counted, *moments))}, got {', '.join(map(str, state))}")
        for moment in moments:
            _check_tensor(f"{part}, {moment}", state[moment], parameters[number])
        if counted:
            _check_adamw(part, state, taken)


def _check_adamw(part: str, state: Mapping[str, Tensor], taken: int) -> None:
    if bool((state["exp_avg_sq"] < 0).any()):
        raise _PartError(f"{part}, exp_avg_sq: expected squares, got negative values")
    _check_tensor(f"{part}, step", state["step"], torch.zeros((), dtype=torch.float32))
    if not 1 <= float(state["step"]) <= taken or float(state["step"]) % 1:
        raise _PartError(f"{part}, step: expected a whole number from 1 to {taken}, got {float(state['step']):g}")


def _check_generators(training: Training, state: Mapping[str, Any]) -> None:
    expected = gather_draws(training.draws, training.fabric)
    _check_tensors("draws", state["draws"])
    if state["draws"].keys() != expected.keys():
        raise _PartError(f"draws: expected {', '.join(expected)}, got {', '.join(map(str, state['draws']))}")
    states = {f"draws, {name}": (own, state["draws"][name]) for name, own in expected.items()}
    for part, (own, got) in {"order": (training.order, state["order"]), **states}.items():
        _check_tensor(part, got, own)
        try:
            torch.Generator(training.draws.device if ", cuda" in part else "cpu").set_state(got)
        except RuntimeError as error:
            raise _PartError(f"{part}: no state of a generator: {str(error).splitlines()[0]}") from None


def _check_tensors(part: str, got: Any) -> None:
    if not isinstance(got, dict) or not all(isinstance(tensor, Tensor) for tensor in got.values()):
        raise _PartError(f"{part}: expected tensors by name, got {_describe_value(got)}")


def _check_tensor(part: str, got: Any, own: Tensor) -> None:
    """Raises `_PartError` unless `got` has the dtype and shape of `own`, and finite values."""
    if not isinstance(got, Tensor) or got.dtype != own.dtype or got.shape != own.shape:
        raise _PartError(f"{part}: expected {_describe_value(own)}, got {_describe_value(got)}")
    if not_finite(got):
        raise _PartError(f"{part}: {not_finite(got):,} values are not finite")


def _check_count(part: str, got: Any, most: int) -> None:
    if type(got) is not int or not 0 <= got <= most:
        raise _PartError(f"{part}: expected a whole number from 0 to {most}, got {_describe_value(got)}")


def _check_number(part: str, got: Any, most: float = math.inf) -> None:
    if type(got) is not float or not math.isfinite(got) or not 0 <= got <= most:
        raise _PartError(
            f"{part}: expected a number from 0{f' to {most:g}' if most < math.inf else ' on'}, got {_describe_value(got)}"
        )


def _describe_value(value: Any) -> str:
    """A value for a message; large ones by type and size."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if isinstance(value, dict | list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value)[:60]
