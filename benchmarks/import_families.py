"""Measures what `archspec import` makes of one small model of each family of timm.

    python -m benchmarks.importing families                  all families that have no row yet
    python -m benchmarks.importing families --again          all families
    python -m benchmarks.importing families levit pit        some
    python -m benchmarks.importing families --table          the table of the results so far

Rows are written to `benchmarks/results/import_families.csv`. A model is made with random weights, imported at 96×96 places or else at its own
size, built from its text, and compared in evaluation mode with its own weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

FAMILY_RESULTS = Path(__file__).parent / "results" / "import_families.csv"

FAMILIES = (
    *("beit_base_patch16_224", "eca_halonext26ts", "gernet_s", "cait_xxs24_224", "coat_lite_tiny", "convit_tiny"),
    *("convmixer_1024_20_ks9_p14", "convnext_atto", "cpubone_nano", "crossvit_tiny_240", "csatv2", "cs3darknet_s"),
    *("cspnext_tiny", "davit_tiny", "deepseek_vit_412m", "deit_tiny_patch16_224", "densenet121", "dla46_c", "dpn48b"),
    *("edgenext_xx_small", "efficientformer_l1", "efficientformerv2_s0", "efficientnet_b0", "efficientvim_m1"),
    *(
        "efficientvit_b0",
        "efficientvit_m0",
        "eva02_tiny_patch14_224",
        "fasternet_t0",
        "fastvit_t8",
        "focalnet_tiny_srf",
    ),
    *(
        "gcvit_xxtiny",
        "gemma4_vit_167m",
        "ghostnet_050",
        "hardcorenas_a",
        "hgnetv2_b0",
        "hiera_tiny_224",
        "sam2_hiera_tiny",
    ),
    *("hrnet_w18_small", "iformer_t", "inception_next_atto", "inception_resnet_v2", "inception_v3", "inception_v4"),
    *("lcnetv2_small", "levit_128s", "lowformer_b0", "test_mambaout", "coatnet_nano_rw_224", "poolformer_s12"),
    *("gmlp_ti16_224", "mobilenetv3_small_050", "mobilenetv5_300m", "mobilevit_xxs", "mvitv2_tiny"),
    *("naflexvit_base_patch16_gap", "nasnetalarge", "nest_tiny", "nextvit_small", "nf_resnet26", "pit_ti_224"),
    *("pnasnet5large", "pvt_v2_b0", "qwen3_vit_88m", "rdnet_tiny", "regnetx_002", "repghostnet_050", "repvit_m0_9"),
    *("res2net50_48w_2s", "resnest14d", "resnet18", "resnetv2_18", "rexnet_100", "selecsls42b", "legacy_seresnet18"),
    *("sequencer2d_s", "shvit_s1", "skresnet18", "starnet_s050", "swiftformer_xs", "swin_tiny_patch4_window7_224"),
    *("swinv2_tiny_window8_256", "swinv2_cr_tiny_224", "tiny_vit_5m_224", "tnt_s_patch16_224", "tresnet_m"),
    *(
        "twins_pcpvt_small",
        "vgg11",
        "visformer_tiny",
        "vit_tiny_patch16_224",
        "vit_tiny_r_s16_p8_224",
        "test_vit_relpos",
    ),
    *("samvit_base_patch16_224", "vitamin_small_224", "volo_d1_224", "ese_vovnet19b_slim_dw", "legacy_xception"),
    *("xception41", "xcit_nano_12_p16_224"),
)
"""A small model of each file of timm."""


def print_families(rows: Iterable[Any]) -> None:
    """Prints the results as Markdown, with the first problem of each that does not come through, and how many do."""
    known = sorted(rows, key=lambda row: row.family)
    print("| family | model | params | lines | seconds | difference | reason |")
    print("|---|---|--:|--:|--:|--:|---|")
    for row in known:
        reason = row.reason.partition("; ")[0].partition(": RuntimeError")[0].replace("|", "/")
        cells = (row.family, row.model.partition(":")[2], f"{row.params:,}", row.lines or "", f"{row.seconds:.1f}")
        print(f"| {' | '.join(map(str, cells))} | {row.difference} | {reason} |")
    exact = sum(row.difference == "0" for row in known)
    through = sum(row.lines > 0 for row in known)
    print(f"\n{exact} of {len(known)} families at a difference of 0, {through - exact} up to rounding")
