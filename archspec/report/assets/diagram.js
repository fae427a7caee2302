/* The diagram of one network: parts that fold and unfold, on a canvas that moves and magnifies. */

const FLOWS = ["flow", "identity", "projection", "concat", "gate"];
const MOST_BOXES = 800; // that are unfolded at once
const READABLE = 1; // the scale at which the smallest text has its size

class Diagram {
  /* `hooks`: choose(id), toggle(id, open), move(transform), each after an act of the user. */
  constructor(canvas, data, hooks, compared = false) {
    Object.assign(this, { canvas, data, hooks, compared, open: new Set(), chosen: -1, marks: new Map(), shown: new Map(), turn: 0 });
    const outputs = data.outputs.map(([name, shape]) => ({ parent: -1, label: name, name, kind: "ends", word: "output", output: [shape], times: 1, arguments: {}, terminal: true }));
    this.parts = [...data.parts, ...outputs].map((part, id) => ({ ...part, id, children: [] }));
    this.edges = [...data.edges.map(([tail, head, flow]) => ({ tail, head, flow })), ...data.outputs.map(([, , tail], at) => ({ tail, head: data.parts.length + at, flow: "flow" }))];
    this.outermost = this.parts.filter(part => part.parent < 0);
    for (const part of this.parts) if (part.parent >= 0) this.parts[part.parent].children.push(part);
    for (const part of this.parts) part.count = this.chain(part.id).reduce((times, id) => times * this.parts[id].times, 1);
    this.nameParts();
    this.sheet = draw("g", { class: "sheet" });
    this.svg = draw("svg", { role: "group", "aria-label": `diagram of ${data.name}` }, this.defineArrows(), this.sheet);
    canvas.prepend(this.svg);
    this.openFirst();
    this.steer();
  }

  /* The name of each part in the page's address: its own, or its place in what is around it. */
  nameParts() {
    this.names = new Map();
    for (const part of this.parts) {
      const around = part.parent >= 0 ? `${this.parts[part.parent].anchor}/` : "";
      let name = part.name || around + (part.word || "part");
      for (let number = 2; this.names.has(name); number++) name = `${part.name || around + part.word}~${number}`;
      part.anchor = name;
      this.names.set(name, part.id);
    }
    for (const part of this.parts) for (const name of this.aliases(part)) if (!this.names.has(name)) this.names.set(name, part.id);
  }

  /* The names of the equal parts that a part represents. */
  aliases(part) {
    let names = [];
    for (const id of this.chain(part.id)) {
      const scope = this.parts[id];
      names = [...names, ...(scope.also || []).map(name => name + part.name.slice(scope.name.length))].slice(0, 2000);
    }
    return part.name ? names : [];
  }

  /* Opens the parts that hold most of the network, so that its stages are seen. */
  openFirst() {
    let scopes = this.outermost.filter(part => part.scope);
    while (scopes.length === 1) { this.open.add(scopes[0].id); scopes = scopes[0].children.filter(part => part.scope); }
  }

  chain(id) { const all = []; for (let around = id; around >= 0; around = this.parts[around].parent) all.unshift(around); return all; }
  isOpen(part) { return Boolean(part.scope && part.children.length && this.open.has(part.id)); }
  visible(id) { return this.chain(id).find(around => this.parts[around].scope && !this.isOpen(this.parts[around])) ?? id; }

  heading(part) { return shorten([part.label, part.label.startsWith(part.word) ? "" : part.word].filter(Boolean).join("  "), 40); }
  title(part) { return repeat(this.heading(part), part.times); }

  lines(part) {
    const shape = shorten(part.output.join(", "), 40);
    if (part.terminal || part.word === "input") return [shorten(part.label, 40), shape];
    if (part.scope) return [this.title(part), shape];
    return [repeat(shorten(part.title, 40), part.times), shorten([part.name ? part.label : "", shape].filter(Boolean).join(" · "), 46)];
  }

  async render() {
    const turn = ++this.turn;
    this.canvas.setAttribute("aria-busy", "true");
    const layout = await arrange(this);
    if (turn !== this.turn) return;
    this.layout = layout;
    this.paint();
    this.zoom.translateExtent([[-60, -40], [layout.width + 60, layout.height + 40]]);
    this.canvas.setAttribute("aria-busy", "false");
  }

  paint() {
    this.shown.clear();
    const backs = draw("g"), edges = draw("g"), parts = draw("g");
    for (const edge of this.layout.edges) edges.append(draw("path", { class: `edge ${edge.flow}`, d: roundPath(edge.points), "marker-end": `url(#${this.canvas.id}-${edge.flow})` }));
    const paint = part => {
      const box = this.layout.boxes.get(part.id);
      if (this.isOpen(part)) backs.append(draw("rect", { class: "back", x: box.x, y: box.y, width: box.width, height: box.height, rx: 8 }));
      parts.append(this.paintPart(part, box));
      if (this.isOpen(part)) part.children.forEach(paint);
    };
    this.outermost.forEach(paint);
    this.sheet.replaceChildren(backs, edges, parts);
  }

  paintPart(part, box) {
    const open = this.isOpen(part), mark = this.marks.get(part.id), sign = mark ? MARKS[mark[0]][0] : "", middle = box.x + box.width / 2 + (part.scope && !open ? 10 : 0);
    const item = draw("g", { class: ["part", part.kind, open ? "open" : "", mark ? mark[0] : this.compared ? "same" : ""].join(" "), tabindex: 0, role: "button", "data-part": part.id, "data-name": part.name });
    item.setAttribute("aria-label", [...this.lines(part), ...(mark || [])].filter(Boolean).join(", "));
    if (part.scope) item.setAttribute("aria-expanded", String(open));
    if (part.id === this.chosen) item.classList.add("chosen");
    item.append(draw("rect", { class: "box", x: box.x, y: box.y, width: box.width, height: box.height, rx: part.sign ? SIGN / 2 : open ? 8 : 6 }));
    if (open) item.append(...this.paintTitle(part, box, sign));
    else if (part.sign) item.append(draw("text", { class: "name", x: middle, y: box.y + box.height / 2 + 5 }, part.title));
    else item.append(...this.lines(part).map((line, at) => draw("text", { class: at ? "note" : "name", x: middle, y: box.y + 19 + 15 * at }, line)));
    if (part.scope && part.children.length) item.append(this.paintKnob(part, box, open));
    if (sign && !open) item.append(draw("text", { class: "mark", x: box.x + box.width - (part.sign ? -8 : 10), y: box.y + 15 }, sign));
    this.shown.set(part.id, { item, x: box.x + box.width / 2, y: box.y + (open ? 20 : box.height / 2), ...{ left: box.x, top: box.y, width: box.width, height: box.height } });
    item.addEventListener("click", event => { event.stopPropagation(); this.hooks.choose(part.id); });
    item.addEventListener("dblclick", event => { event.stopPropagation(); if (part.scope) this.hooks.toggle(part.id, !open); });
    return item;
  }

  /* The title stands on a plate, so that an edge that enters the frame does not cross it. */
  paintTitle(part, box, mark) {
    const room = box.width - (mark ? 58 : 42) - measure(repeat("", part.times), TITLE);
    const title = repeat(fitText(this.heading(part), TITLE, room), part.times), wide = measure(title, TITLE);
    const sign = mark ? [draw("text", { class: "mark", x: box.x + 40 + wide, y: box.y + 21 }, mark)] : [];
    return [draw("rect", { class: "plate", x: box.x + 25, y: box.y + 6, width: wide + (mark ? 26 : 10), height: 20, rx: 4 }), draw("text", { class: "frame", x: box.x + 29, y: box.y + 21 }, title), ...sign];
  }

  paintKnob(part, box, open) {
    const x = box.x + 7, y = open ? box.y + 8 : box.y + box.height / 2 - 8;
    const knob = draw("g", { class: "knob", "data-toggle": part.id }, draw("rect", { x, y, width: 16, height: 16, rx: 4 }), draw("path", { d: `M${x + 4},${y + 8}h8` + (open ? "" : `M${x + 8},${y + 4}v8`) }));
    knob.addEventListener("click", event => { event.stopPropagation(); this.hooks.toggle(part.id, !open); });
    return knob;
  }

  /* Opens or closes a part, whose top stays where it is on the screen. */
  async toggle(id, open) {
    const before = this.shown.get(id), place = this.place();
    if (open) this.open.add(id); else this.open.delete(id);
    await this.render();
    const after = this.shown.get(id);
    if (!before || !after) return;
    this.moveTo(place.k, place.x + (before.left + before.width / 2 - after.left - after.width / 2) * place.k, place.y + (before.top - after.top) * place.k);
    if (document.activeElement === document.body) after.item.focus({ preventScroll: true });
  }

  /* Opens all parts, level by level as long as a browser places the boxes in reasonable time; tells whether it opened all. */
  openAll() {
    const scopes = this.parts.filter(part => part.scope);
    let boxes = this.outermost.length;
    this.open = new Set();
    for (let level = 1; this.open.size < scopes.length; level++) {
      const next = scopes.filter(part => this.chain(part.id).length === level);
      boxes += next.reduce((sum, part) => sum + part.children.length, 0);
      if (boxes > MOST_BOXES) return false;
      next.forEach(part => this.open.add(part.id));
    }
    return true;
  }

  closeAll() { this.open = new Set(); return true; }

  /* Shows a part: unfolds what is around it and brings it to the middle. */
  async reveal(id) {
    const closed = this.chain(id).slice(0, -1).filter(around => !this.open.has(around));
    closed.forEach(around => this.open.add(around));
    if (closed.length) await this.render();
    const { x, y } = this.shown.get(id), scale = Math.max(this.place().k, READABLE);
    this.moveTo(scale, this.canvas.clientWidth / 2 - x * scale, this.canvas.clientHeight / 2 - y * scale);
  }

  mark(id) {
    this.chosen = id;
    for (const item of this.svg.querySelectorAll(".chosen")) item.classList.remove("chosen");
    this.shown.get(id)?.item.classList.add("chosen");
  }

  place() { return d3.zoomTransform(this.svg); }
  moveTo(scale, x, y) { this.quiet = true; d3.select(this.svg).call(this.zoom.transform, this.constrained(d3.zoomIdentity.translate(x, y).scale(scale))); this.quiet = false; }
  constrained(place) { return this.zoom.constrain()(place, this.zoom.extent()(), this.zoom.translateExtent()); }

  /* The first view: as much as fits at a readable size, from the top. */
  start() { this.frame(Math.min(1.3, Math.max(READABLE, this.fitting()))); }
  fit() { this.frame(Math.min(1.3, this.fitting())); }
  fitting() { return Math.min(this.canvas.clientWidth / (this.layout.width + 8), this.canvas.clientHeight / (this.layout.height + 8)); }
  frame(scale) { this.moveTo(scale, (this.canvas.clientWidth - this.layout.width * scale) / 2, 0); }

  magnify(factor) { d3.select(this.svg).call(this.zoom.scaleBy, factor); }
  pan(x, y) { const { k } = this.place(); d3.select(this.svg).call(this.zoom.translateBy, x / k, y / k); }

  steer() {
    this.zoom = d3.zoom().scaleExtent([0.04, 5]).clickDistance(5).extent(() => [[0, 0], [this.canvas.clientWidth, this.canvas.clientHeight]])
      .filter(event => (event.type === "wheel" ? event.ctrlKey || event.metaKey : !event.button))
      .on("zoom", ({ transform }) => {
        this.sheet.setAttribute("transform", transform);
        if (!this.quiet) this.hooks.move(transform);
      });
    d3.select(this.svg).call(this.zoom).on("dblclick.zoom", null);
    this.svg.addEventListener("wheel", event => {
      if (event.ctrlKey || event.metaKey) return;
      const before = String(this.place());
      this.pan(-event.deltaX, -event.deltaY);
      if (String(this.place()) !== before) event.preventDefault(); // at the end of the diagram, the page scrolls
    }, { passive: false });
    this.canvas.addEventListener("keydown", event => this.press(event));
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("button")) return;
    const item = event.target.closest(".part"), id = item ? Number(item.dataset.part) : -1, step = 60;
    const keys = {
      "+": () => this.magnify(1.25), "=": () => this.magnify(1.25), "-": () => this.magnify(0.8), "0": () => this.fit(),
      ArrowUp: () => this.pan(0, step), ArrowDown: () => this.pan(0, -step), ArrowLeft: () => this.pan(step, 0), ArrowRight: () => this.pan(-step, 0),
      Enter: () => { if (id >= 0) { this.hooks.choose(id); if (this.parts[id].scope) this.hooks.toggle(id, !this.open.has(id)); } },
      " ": () => { if (id >= 0) this.hooks.choose(id); },
    };
    if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
  }

  /* An arrow head for each kind of edge, since a picture outside this page may not know the colour of its line. */
  defineArrows() {
    return draw("defs", {}, ...FLOWS.map(flow => draw("marker", { id: `${this.canvas.id}-${flow}`, class: `arrow ${flow}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto" }, draw("path", { d: "M0,0.5L8,4L0,7.5Z" }))));
  }
}
