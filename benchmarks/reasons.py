"""Why an aim is missed, section by section: text for the page, below the section's tables."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {}
