"""What a graph computes, as calls of torch: equal for graphs that say the same in other words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from archspec.ir.graph import Graph, Input, Node, Value
from archspec.ops.base import Batch, Call, Operand, Result

VIEWS = frozenset(("torch.reshape", "torch.flatten", "torch.unflatten", "torch.unsqueeze", "torch.squeeze"))


class CallGraph:
    """Numbers the values of graphs: equal numbers are made by equal calls of equal values, with weights of one name.

    Numbers are the same for `padding: same` and the number that it is, for an axis by its name and by its number, for the order of
    branches, and for a view of a view. A call that changes nothing has the number of its operand.
    """

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.sizes: dict[int, tuple[int, ...]] = {}

    def number_outputs(self, graph: Graph) -> dict[str, int]:
        values: dict[Value, int] = {}
        for node in graph.nodes:
            if isinstance(node, Input):
                values[node.outputs[0]] = self._take(("input", node.name))
            else:
                numbers = self._number_node(node, [values[own] for own in node.inputs])
                values.update(zip(node.outputs, numbers, strict=True))
                for number, value in zip(numbers, node.outputs, strict=True):
                    self.sizes.setdefault(number, value.shape.sizes)
        return {name: values[value] for name, value in graph.outputs.items()}

    def _take(self, key: Any) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def _number_node(self, node: Node, operands: list[int]) -> list[int]:
        calls = write_pools(node.op.lower(*(value.shape for value in node.inputs)))
        if not calls:
            return operands
        results: list[int] = []
        for place, call in enumerate(calls, 1):
            results.append(self._number_call(call, node, operands, results, last=place == len(calls)))
        last = results[-1]
        return (
            [last]
            if len(node.outputs) == 1
            else [self._take(("item", last, place)) for place in range(len(node.outputs))]
        )

    def _number_call(self, call: Call, node: Node, operands: list[int], results: list[int], *, last: bool) -> int:
        given = self._fill(call.args, operands, results)
        if changes_nothing(call):
            return int(given[0][1])
        if call.target in VIEWS and last:
            results_sizes = tuple(value.shape.sizes for value in node.outputs)
            same = not results and node.inputs[0].shape.sizes == results_sizes[0]
            return self._number_view(given[0][1], results_sizes, same=same)
        if call.target == "torch.reshape" and given[1][:1] == ("batch",):
            return self._number_view(given[0][1], (given[1][1:],), same=False)
        if call.target == "torch.unsqueeze" and given[0][1] in self.sizes and given[1] < 0:
            sizes = self.sizes[given[0][1]]
            place = len(sizes) + 1 + given[1]
            return self._number_view(given[0][1], ((*sizes[:place], 1, *sizes[place:]),), same=False)
        if call.target == "torch.permute":
            return self._number_permutation(given[0][1], given[1])
        name = node.name if call.stateful and node.weight_shapes else ""
        given_options = fill_stride(call.options)
        if call.target == "torch.nn.Upsample":  # a factor is a size
            given_options = {**given_options, "scale_factor": None, "size": node.outputs[0].shape.spatial}
        options = self._fill(given_options, operands, results)
        return self._take((call.target, options, given, self._fill(dict(call.keywords), operands, results), name))

    def _number_view(self, source: int, sizes: Any, *, same: bool) -> int:
        if same:
            return source
        key = self._find_view(source)
        return self._take(("view", source if key is None else key[1], sizes))

    def _find_view(self, number: int) -> Any:
        return next((own for own, known in self.numbers.items() if known == number and own[0] == "view"), None)

    def _number_permutation(self, source: int, order: Sequence[int]) -> int:
        """The number of a permutation; one that only moves axes of size 1 is a view."""
        view = self._find_view(source)
        sizes = self.sizes.get(source) if view is None else view[2][0]
        plain = self._take(("torch.permute", source, tuple(order)))
        if sizes is None or len(order) - len(sizes) not in (0, 1):
            return plain
        batched = (-1,) * (len(order) - len(sizes)) + tuple(sizes)
        made = tuple(batched[axis] for axis in order)[len(order) - len(sizes) :]
        moved = [axis for axis in order if batched[axis] != 1]
        if moved == sorted(moved):
            return self._number_view(source, (made,), same=False)
        self.sizes.setdefault(plain, made)
        return plain

    def _fill(self, given: Any, operands: list[int], results: list[int]) -> Any:
        match given:
            case Operand(index=index):
                return ("value", operands[index])
            case Result(index=index):
                return ("value", results[index])
            case Batch():
                return "batch"
            case Call():
                return given.target, self._fill(dict(given.options), operands, results)
            case tuple() | list():
                if given and all(isinstance(own, int) and own == given[0] for own in given):
                    return given[0]
                return tuple(self._fill(own, operands, results) for own in given)
            case dict():
                return tuple(sorted((name, self._fill(own, operands, results)) for name, own in given.items()))
        return "nan" if isinstance(given, float) and math.isnan(given) else given


def fill_stride(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a module; the stride of a pool is that of its kernel unless it is given."""
    return {"stride": options["kernel_size"], **options} if "kernel_size" in options else dict(options)


def write_pools(calls: Sequence[Call]) -> Sequence[Call]:
    """The calls with a mean over the places of an image as the average pool to one place, flattened: torch computes this pool as that mean."""
    if len(calls) == 1 and calls[0].target == "torch.mean" and calls[0].keywords == {"dim": (2, 3)}:
        pool = Call("torch.nn.AdaptiveAvgPool2d", {"output_size": 1})
        return pool, Call("torch.flatten", args=(Result(0),), keywords={"start_dim": 1})
    return calls


def changes_nothing(call: Call) -> bool:
    """Whether a call is a dropout of nothing, a shift by nothing or a factor of 1."""
    match call:
        case Call(target="torch.nn.Dropout", options={"p": 0.0}) | Call(target="torch.mul", args=(_, 1.0)):
            return True
        case Call(target="torch.roll"):
            return not any(call.args[1])
    return False
