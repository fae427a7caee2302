"""Writes a picture as one self-contained HTML page: the SVG with pan and zoom by wheel, touch and keys."""

from __future__ import annotations

import base64
import hashlib

from archspec.draw.picture import Picture
from archspec.draw.svg import escape_xml
from archspec.draw.theme import Theme

_STYLE = """
html,body{margin:0;height:100%;background:PAPER}
main{height:100%;overflow:hidden;touch-action:none;cursor:grab}
main svg{transform-origin:0 0;display:block}
main:focus{outline:2px solid #0072B2;outline-offset:-2px}
"""

_SCRIPT = """
"use strict";
const frame = document.querySelector("main"), picture = frame.querySelector("svg");
let x = 0, y = 0, scale = 1;
const held = new Map();
const show = () => { picture.style.transform = `translate(${x}px,${y}px) scale(${scale})`; };
const zoom = (factor, atX, atY) => {
  const next = Math.min(8, Math.max(0.05, scale * factor));
  x = atX - (atX - x) * next / scale; y = atY - (atY - y) * next / scale; scale = next; show();
};
const fit = () => {
  const width = picture.width.baseVal.value, height = picture.height.baseVal.value;
  scale = Math.min(1.5, frame.clientWidth / width, Math.max(frame.clientHeight / height, 0.5));
  x = Math.max(0, (frame.clientWidth - width * scale) / 2); y = 0; show();
};
frame.addEventListener("wheel", event => {
  event.preventDefault(); zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
}, { passive: false });
frame.addEventListener("pointerdown", event => held.set(event.pointerId, [event.clientX, event.clientY]));
const release = event => held.delete(event.pointerId);
window.addEventListener("pointerup", release); window.addEventListener("pointercancel", release);
window.addEventListener("pointermove", event => {
  if (!held.has(event.pointerId)) return;
  const [oldX, oldY] = held.get(event.pointerId);
  held.set(event.pointerId, [event.clientX, event.clientY]);
  if (held.size === 1) { x += event.clientX - oldX; y += event.clientY - oldY; show(); return; }
  const other = [...held].find(([id]) => id !== event.pointerId)[1];
  const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  zoom(apart([event.clientX, event.clientY], other) / Math.max(1, apart([oldX, oldY], other)), ...other);
});
const keys = {
  "+": () => zoom(1.25, frame.clientWidth / 2, frame.clientHeight / 2), "-": () => zoom(0.8, frame.clientWidth / 2, frame.clientHeight / 2),
  "0": fit, ArrowUp: () => { y += 60; show(); }, ArrowDown: () => { y -= 60; show(); },
  ArrowLeft: () => { x += 60; show(); }, ArrowRight: () => { x -= 60; show(); },
};
frame.addEventListener("keydown", event => {
  const move = event.ctrlKey || event.metaKey ? null : keys[event.key];
  if (move) { move(); event.preventDefault(); }
});
window.addEventListener("resize", fit); fit();
"""


def write_page(picture: Picture, svg: str, theme: Theme) -> str:
    """The page; its content security policy allows only its own script."""
    script = "sha256-" + base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src '{script}'"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">\n<title>{escape_xml(picture.title)}</title>\n'
        f"<style>{_STYLE.replace('PAPER', theme.paper)}</style></head>\n"
        f'<body><main tabindex="0" aria-label="{escape_xml(picture.title)}: arrow keys move, plus and minus magnify, 0 fits">\n'
        f"{svg}</main>\n<script>{_SCRIPT}</script></body></html>\n"
    )
