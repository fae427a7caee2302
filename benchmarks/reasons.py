"""The reasons for missed aims by section, for the page."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "commands": """
What is left of a start is mostly pydantic's: importing it, and the models of 53 ops, of the passes and of the document; `check`, `draw` and
`build -o net.py` are above their aim by that. `count-paths densenet169` is more than a start: for the product over the stages it sweeps
the graph once for each of 26 boundaries.
""",
    "gpu": """
**The first answer** is mostly the compilation of Triton's kernels, one after the other, of which ResNet-50 has two and DenseNet-121 nine. They stay on disk:
on the same machine, ResNet-50's first answer in a process that found them took 1.5 s.

**Optimised without a graph, for 1 and 8 images**, waits for Python, which takes 50 to 100 µs to launch a kernel of Triton. Since this measurement,
kernels are launched outside graphs only for 4 million elements and more; that was not measured again on a card. Plain and eager do the
same work: their ratios for 1 and 8 images, where Python sets the pace, differ by a tenth either way.
""",
    "inference": """
**The plain build** does what eager does, op for op, but for sums, which are in place and take a fifth less time
([why, and what was measured](decisions/0038-sums-in-place-and-calls-that-pay.md)). By the clock the same line differs by up to a tenth from
one run to the next on this machine, which has other guests: ResNet-50's 1.13 for one image was 0.99 in an earlier run, before sums were in
place. So the ratios around 1 do not show that the aim is met for one image, nor that it is not; for 8 images three of five are below it.

**Batch 1** is where the optimised build falls behind OpenVINO and onnxruntime. It calls the convolutions of oneDNN that
`torch.compile` with freezing calls (the column beside it says how far apart the two are), each through an operator of torch, which
looks its kernel up again at each call; DenseNet-121 has 120 of them. The two runtimes plan that once and are free to keep values in
formats of their own between layers, where torch's operators take channels last; we take that to be the difference, and have not
measured its parts. At batch 8 a few hundredths of it are left, but for DenseNet-121, which an
earlier run had ahead of all of them.
""",
    "training": """
The plain builds run the same ops as torchvision's. Steps differ by a few hundredths either way from
run to run, memory by a tenth. Of stochastic depth's branches 75 % are kept on average, so that 0.8 leaves little for all else. Memory is
that of a process, with what its allocator leaves unused between values of growing sizes, so it is larger than the sum of what is
kept.
""",
    "zoo": """
Two measurements of one build differ by 0.03. Networks of other families that a longer run found above 1 were mended: small ConvNeXts (1.04), whose
convolutions asked at each call for a kernel that never pays, and RepViT and FastViT (1.11), whose 1×1 convolutions with a group for each
channel torch computes one by one. ConvMixer-1536/20 stays at 1.02 to 1.08: its wide 1×1 convolutions are slower in channels last, in which
most are faster: with torch's own layout wherever fused convolutions do less than a quarter of the work, CIFAR's DenseNet-40 went from 0.76 to 1.00.
""",
    "sweep": """
Most blocks of a variant are known from others: counting it takes a 126th of building it and counting it with torchinfo, which computes nothing. The first
table was measured beside other programs; all cells took 34 s by the clock on two idle cores.
The memory of a sweep grows by the places of its points and parts, 130 bytes a
point.
""",
}
