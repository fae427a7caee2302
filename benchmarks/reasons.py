"""Why an aim is missed, section by section: text for the page, below the section's tables."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "inference": """
**The plain build** does what eager does, op for op, but for one thing: torchvision's residual units add in place, ours make a new tensor
for the sum, which costs memory traffic on large batches ([why](decisions/0011-in-place-where-no-one-sees.md)). The same line
differs by up to a twentieth from one run to the next on this machine.

**Batch 1** is where the optimised build falls behind OpenVINO and onnxruntime. It calls the convolutions of oneDNN that
`torch.compile` with freezing calls (the column beside it says how far apart the two are), each through an operator of torch, which
looks its kernel up again at each call: that share is the larger, the smaller the image, and DenseNet-121 has 120 convolutions. The
two runtimes plan all that once, and keep values in blocked formats from one layer to the next where torch's operators take channels
last. At batch 8 this is a few hundredths on ResNeXt-50, whose grouped convolutions they also run faster, and on Inception-v3.
DenseNet-121, whose normalisations became clamps and whose concatenations copy nothing twice, is ahead of all of them there.
""",
    "training": """
The plain builds run the same ops as torchvision's; steps and memory differ by a few hundredths either way from run to run. Memory is
that of a process, with what its allocator leaves unused between values of growing sizes, so it is larger than the sum of what is
kept.
""",
}
