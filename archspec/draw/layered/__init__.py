"""Lays out any picture in ranks: boxes of one rank side by side, orthogonal arrows in the channels between the ranks (Sugiyama et al. 1981)."""
