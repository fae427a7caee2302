/* The diagram of one network: parts that fold and unfold, on a canvas that moves and magnifies. */

const SVG = "http://www.w3.org/2000/svg";

function draw(name, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

const repeated = (text, times) => (times > 1 ? `${text} ×${times}` : text);

const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

class Diagram {
  constructor(canvas, data, choose) {
    Object.assign(this, { canvas, data, choose, open: new Set(), chosen: -1, x: 0, y: 0, scale: 1, shown: new Map() });
    this.parts = data.parts.map((part, id) => ({ ...part, id, children: [] }));
    data.outputs.forEach(([name, shape], at) => this.parts.push({ id: data.parts.length + at, parent: -1, children: [], label: name, name, kind: "ends", word: "output", output: [shape], times: 1, arguments: {}, mark: true }));
    this.edges = [...data.edges.map(([tail, head, flow]) => ({ tail, head, flow })), ...data.outputs.map(([, , tail], at) => ({ tail, head: data.parts.length + at, flow: "flow" }))];
    this.root = { id: -1, children: this.parts.filter(part => part.parent < 0) };
    for (const part of this.parts) if (part.parent >= 0) this.parts[part.parent].children.push(part);
    this.svg = draw("svg", { role: "group", "aria-label": "diagram" });
    const markers = draw("defs"), marker = draw("marker", { id: `tip-${canvas.id}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto-start-reverse" });
    marker.append(draw("path", { d: "M0,1L8,4L0,7Z", fill: "context-stroke" })); markers.append(marker);
    this.sheet = draw("g"); this.svg.append(markers, this.sheet); canvas.append(this.svg);
    this.openFirst();
    this.steer();
  }

  /* Opens the parts that hold most of the network, so that its stages are seen. */
  openFirst() {
    let scopes = this.root.children.filter(part => part.scope);
    while (scopes.length === 1) { this.open.add(scopes[0].id); scopes = scopes[0].children.filter(part => part.scope); }
  }

  chain(id) { const all = []; for (let at = id; at >= 0; at = this.parts[at].parent) all.unshift(at); return all; }

  size(part) {
    if (part.scope && this.open.has(part.id)) {
      part.inside = this.arranged(part);
      const wide = Math.max(part.inside.width, 16 + 7.2 * this.title(part).length + 30);
      part.shift = (wide - part.inside.width) / 2;
      return { id: part.id, width: wide, height: part.inside.height };
    }
    if (part.sign) return { id: part.id, width: 24, height: 24 };
    const wide = Math.max(...this.lines(part).map(line => line.length)) * 6.6 + (part.scope ? 44 : 22);
    return { id: part.id, width: Math.max(80, wide), height: 14 * this.lines(part).length + 10 };
  }

  title(part) { return repeated(cut([part.label, part.label.startsWith(part.word) ? "" : part.word].filter(Boolean).join("  "), 40), part.times); }

  lines(part) {
    if (part.mark || part.word === "input") return [cut(part.label, 40), part.output.join(", ")];
    if (part.scope) return [this.title(part), cut(part.output.join(", "), 40)];
    return [repeated(cut(part.title, 40), part.times), cut([part.name ? part.label : "", part.output.join(", ")].filter(Boolean).join(" · "), 46)];
  }

  arranged(scope) {
    const inside = new Map();
    for (const child of scope.children) this.under(child, id => inside.set(id, child.id));
    const lifted = new Map();
    for (const edge of this.edges) {
      const tail = inside.has(edge.tail) ? inside.get(edge.tail) : "in", head = inside.has(edge.head) ? inside.get(edge.head) : "out";
      if (tail === head || (tail === "in" && head === "out")) continue;
      const key = `${tail} ${head} ${edge.flow}`;
      if (!lifted.has(key)) lifted.set(key, { tail, head, flow: edge.flow });
    }
    const all = [...lifted.values()].filter(edge => edge.flow === "flow" || !lifted.has(`${edge.tail} ${edge.head} flow`) || !this.folded(edge));
    return arrange(scope.children.map(child => this.size(child)), all);
  }

  /* Whether an arrow ends at a part whose inside is not seen: there, only the way of the signal is drawn. */
  folded({ tail, head }) { return [tail, head].some(id => id >= 0 && this.parts[id].scope); }

  under(part, visit) { visit(part.id); for (const child of part.children) this.under(child, visit); }

  render() {
    this.shown.clear();
    this.root.inside = this.arranged(this.root);
    const group = draw("g");
    this.fill(group, this.root, 0, 0);
    this.sheet.replaceChildren(group);
    this.place();
  }

  fill(group, scope, x, y) {
    for (const { edge, points } of scope.inside.ways) {
      const moved = points.map(point => ({ x: point.x + x, y: point.y + y }));
      const ends = edge.head === "out" ? {} : { "marker-end": `url(#tip-${this.canvas.id})` };
      group.append(draw("path", { class: `edge ${edge.flow}`, d: smooth(moved), ...ends }));
    }
    for (const child of scope.children) {
      const place = scope.inside.places.get(child.id);
      this.part(group, child, place.x + x, place.y + y);
    }
  }

  part(group, part, x, y) {
    const { width, height } = this.size(part), left = x - width / 2, top = y - height / 2, open = part.scope && this.open.has(part.id);
    const item = draw("g", { class: `part ${part.kind}`, tabindex: 0, role: "button", "data-part": part.id, "data-name": part.name, "aria-label": `${this.lines(part).join(", ")}` });
    if (part.scope) item.setAttribute("aria-expanded", String(Boolean(open)));
    if (part.id === this.chosen) item.classList.add("chosen");
    const fill = open ? "var(--sheet)" : `color-mix(in srgb, var(--${part.kind}) 16%, var(--paper))`;
    item.append(draw("rect", { x: left, y: top, width, height, rx: part.sign ? 12 : 5, style: `fill:${fill};stroke:${open ? "var(--rule)" : `var(--${part.kind})`}` }));
    if (open) item.append(draw("text", { class: "frame", x: left + 24, y: top + 16 }, this.title(part)));
    else if (part.sign) item.append(draw("text", { x, y: y + 4 }, part.title));
    else this.lines(part).forEach((line, at) => item.append(draw("text", { x: part.scope ? x + 8 : x, y: top + 16 + 14 * at, class: at ? "sub" : "name" }, line)));
    if (part.scope) item.append(this.knob(part, left + 6, top + 6, open));
    group.append(item);
    this.shown.set(part.id, { item, x, y, width, height });
    item.addEventListener("click", event => { event.stopPropagation(); if (!this.dragged) this.choose(part.id); });
    item.addEventListener("dblclick", event => { event.stopPropagation(); if (part.scope) this.toggle(part.id); });
    if (open) this.fill(group, { ...part, inside: part.inside }, left + part.shift, top);
  }

  knob(part, x, y, open) {
    const knob = draw("g", { class: "knob", "data-toggle": part.id });
    knob.append(draw("rect", { x, y, width: 13, height: 13, rx: 3 }), draw("text", { x: x + 6.5, y: y + 10 }, open ? "−" : "+"));
    knob.addEventListener("click", event => { event.stopPropagation(); this.toggle(part.id); });
    return knob;
  }

  toggle(id) {
    const before = this.shown.get(id), offset = before && [before.x, before.y - before.height / 2];
    if (this.open.has(id)) this.open.delete(id); else this.open.add(id);
    this.render();
    const after = this.shown.get(id);
    if (offset && after) { this.x += (offset[0] - after.x) * this.scale; this.y += (offset[1] - (after.y - after.height / 2)) * this.scale; this.place(); after.item.focus({ preventScroll: true }); }
  }

  unfoldAll(open) { this.open = new Set(open ? this.parts.filter(part => part.scope).map(part => part.id) : []); this.render(); this.fit(); }

  /* Shows a part: unfolds what is around it and brings it to the middle. */
  reveal(id) {
    for (const at of this.chain(id).slice(0, -1)) this.open.add(at);
    this.chosen = id; this.render();
    const found = this.shown.get(id);
    this.scale = Math.max(this.scale, 0.7);
    this.x = this.canvas.clientWidth / 2 - found.x * this.scale; this.y = this.canvas.clientHeight / 2 - found.y * this.scale;
    this.place();
  }

  place() { this.sheet.setAttribute("transform", `translate(${this.x.toFixed(1)},${this.y.toFixed(1)}) scale(${this.scale.toFixed(3)})`); }

  fit() {
    const { width, height } = this.root.inside, wide = this.canvas.clientWidth || 600, tall = this.canvas.clientHeight || 400;
    this.scale = Math.min(1.4, wide / (width + 10), Math.max(tall / (height + 10), 0.45));
    this.x = (wide - width * this.scale) / 2; this.y = 4; this.place();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const next = Math.min(6, Math.max(0.04, this.scale * factor));
    this.x = x - (x - this.x) * next / this.scale; this.y = y - (y - this.y) * next / this.scale; this.scale = next; this.place();
  }

  steer() {
    const held = new Map(), at = event => { const box = this.canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    this.canvas.addEventListener("wheel", event => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY / 500), ...at(event)); }, { passive: false });
    this.canvas.addEventListener("pointerdown", event => { held.set(event.pointerId, at(event)); this.dragged = false; this.from = at(event); });
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, event => held.delete(event.pointerId));
    window.addEventListener("pointermove", event => {
      if (!held.has(event.pointerId)) return;
      const old = held.get(event.pointerId), now = at(event); held.set(event.pointerId, now);
      if (Math.hypot(now[0] - this.from[0], now[1] - this.from[1]) > 5) this.dragged = true;
      if (held.size === 1) { this.x += now[0] - old[0]; this.y += now[1] - old[1]; this.place(); return; }
      const other = [...held].find(([id]) => id !== event.pointerId)[1], apart = point => Math.hypot(point[0] - other[0], point[1] - other[1]);
      this.zoom(apart(now) / Math.max(1, apart(old)), ...other);
    });
    this.canvas.addEventListener("keydown", event => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const part = event.target.closest(".part"), id = part ? Number(part.dataset.part) : -1, step = 50;
    const keys = {
      "+": () => this.zoom(1.25), "=": () => this.zoom(1.25), "-": () => this.zoom(0.8), "0": () => this.fit(),
      ArrowUp: () => { this.y += step; this.place(); }, ArrowDown: () => { this.y -= step; this.place(); },
      ArrowLeft: () => { this.x += step; this.place(); }, ArrowRight: () => { this.x -= step; this.place(); },
      Enter: () => { if (id >= 0) { this.choose(id); if (this.parts[id].scope) this.toggle(id); } }, " ": () => { if (id >= 0) this.choose(id); },
    };
    if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
  }
}
