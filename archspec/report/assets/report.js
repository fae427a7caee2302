/* Puts the page together: diagrams that are chosen, folded, moved and searched together, and what stands around them. */

class Report {
  constructor({ networks, pairs, kinds, flows }) {
    Object.assign(this, { networks, pairs, chosen: null });
    this.links = pairs.map(({ links }) => ({ forth: this.index(links, 0), back: this.index(links, 1) }));
    const bench = document.querySelector(".bench"), search = make("div", { class: "search" });
    const pictures = make("div", { class: "pictures" }), details = make("div", { class: "details", "aria-live": "polite" }), text = make("div", { class: "spec", tabindex: 0, "aria-label": "text of the specs" });
    this.pictures = networks.map((data, at) => this.makePicture(data, at));
    pictures.append(...this.pictures.map(({ frame }) => frame));
    this.diagrams = this.pictures.map(({ diagram }) => diagram);
    const tools = make("div", { class: "tools" }, search, makeButton("unfold all", () => this.openAll(true), { "data-do": "unfold" }), makeButton("fold all", () => this.openAll(false), { "data-do": "fold" }));
    this.status = make("p", { class: "hint", role: "status" });
    this.choosers = networks.length > 2 ? this.makeChoosers() : make("span");
    const hint = make("p", { class: "hint keys" }, ...this.listKeys());
    bench.append(make("div", { class: "left" }, tools, this.status, this.choosers, pictures, makeLegend(this.diagrams, { kinds, flows }), hint), make("div", { class: "side" }, details, text));
    this.details = new Details(details, networks);
    this.specs = new Specs(text, networks);
    this.markDifferences();
    this.search = new Search(search, this.diagrams, found => this.choose(found, { move: true }));
    this.table = new Layers(document.querySelector(".costs"), this.diagrams, alignRows(this.diagrams, (...ends) => this.counterpart(...ends)), row => this.choose(row, { move: true }));
  }

  index(links, side) {
    const found = new Map();
    for (const link of links) if (!found.has(link[side])) found.set(link[side], link[1 - side]);
    return found;
  }

  /* The part of another network that matches a part; -1 if there is none. Matches are told by the first network. */
  counterpart(from, id, to) {
    if (from === to) return id;
    const base = from === 0 ? id : this.links[from - 1].back.get(id) ?? this.terminal(from, id, 0);
    if (base < 0 || to === 0) return base;
    return this.links[to - 1].forth.get(base) ?? this.terminal(0, base, to);
  }

  terminal(from, id, to) {
    const part = this.diagrams[from].parts[id];
    return part.terminal ? this.diagrams[to].parts.findIndex(other => other.terminal && other.name === part.name) : -1;
  }

  makePicture(data, at) {
    const canvas = make("div", { class: "canvas", id: `canvas${at}`, tabindex: 0, "aria-label": `diagram of ${data.name}; arrow keys move, plus and minus magnify, 0 shows all` });
    const diagram = new Diagram(canvas, data, {
      choose: id => this.choose({ network: at, id }), toggle: (id, open) => this.toggle(at, id, open), move: () => this.follow(at),
    }, this.networks.length > 1);
    const act = (text, name, label, run) => makeButton(text, run, { "data-do": name, "aria-label": label, title: label });
    const follow = run => () => { run(); this.follow(at); };
    canvas.append(make("div", { class: "zoom" }, act("+", "in", "magnify", () => diagram.magnify(1.25)), act("−", "out", "reduce", () => diagram.magnify(0.8)), act("fit", "fit", "show all", follow(() => diagram.fit()))));
    const saves = make("span", { class: "saves" }, "save as ", act("SVG", "svg", "save the picture as SVG", () => save(diagram, "svg")), act("PNG", "png", "save the picture as PNG", () => save(diagram, "png")));
    return { frame: make("figure", { class: "picture" }, make("figcaption", { class: `net${at}` }, make("b", {}, data.name), saves), canvas), diagram };
  }

  makeChoosers() {
    return make("fieldset", { class: "choosers" }, make("legend", {}, "pictures"), ...this.networks.map((data, at) => {
      const box = make("input", { type: "checkbox", ...(at < 2 ? { checked: "" } : {}) });
      this.pictures[at].frame.hidden = at > 1;
      box.addEventListener("change", () => this.showPicture(at, box.checked));
      return make("label", { class: `net${at}` }, box, data.name);
    }));
  }

  async showPicture(at, shown) {
    this.pictures[at].frame.hidden = !shown;
    this.choosers.querySelectorAll("input")[at].checked = shown;
    this.markDifferences();
    await this.renderShown();
    this.table.show();
  }

  listKeys() {
    return [["/", "searches"], ["arrows", "move"], ["+ −", "magnify"], ["Enter", "unfolds"], ["Ctrl + wheel", "magnifies"]].flatMap(([key, text]) => [make("kbd", {}, key), ` ${text}  `]);
  }

  /* Marks what differs: in each network from the first, in the first from those that are shown. */
  markDifferences() {
    this.diagrams.forEach(diagram => diagram.marks.clear());
    this.pairs.forEach(({ before, after }, at) => {
      for (const [id, mark] of Object.entries(after)) this.diagrams[at + 1].marks.set(Number(id), mark);
      if (this.pictures[at + 1].frame.hidden) return;
      for (const [id, mark] of Object.entries(before)) if (this.diagrams[0].marks.get(Number(id))?.[0] !== "removed") this.diagrams[0].marks.set(Number(id), mark);
    });
    const [base, ...others] = this.diagrams, inside = ["changed", "inside"];
    const spread = (diagram, visit) => { for (const id of [...diagram.marks.keys()]) diagram.chain(id).forEach(visit); };
    others.forEach((diagram, before) => spread(diagram, id => {
      if (!diagram.marks.has(id)) diagram.marks.set(id, inside);
      const match = this.counterpart(before + 1, id, 0);
      if (match >= 0 && !base.marks.has(match) && !this.pictures[before + 1].frame.hidden) base.marks.set(match, inside);
    }));
    spread(base, id => { if (!base.marks.has(id)) base.marks.set(id, inside); });
  }

  shown() { return this.diagrams.filter((_, at) => !this.pictures[at].frame.hidden); }

  async renderShown() {
    for (const diagram of this.shown()) { await diagram.render(); diagram.start(); diagram.mark(diagram.chosen); }
  }

  async openAll(open) {
    const whole = this.diagrams.map(diagram => (open ? diagram.openAll() : diagram.closeAll())).every(Boolean);
    this.status.textContent = whole ? "" : `Unfolded in part: a diagram shows at most ${MOST_BOXES} boxes at once. Single blocks unfold further.`;
    await this.renderShown();
  }

  async toggle(network, id, open) {
    await this.diagrams[network].toggle(id, open);
    for (const [at, diagram] of this.diagrams.entries()) {
      const other = at === network ? -1 : this.counterpart(network, id, at);
      if (other < 0) continue;
      if (open) diagram.open.add(other); else diagram.open.delete(other);
      if (!this.pictures[at].frame.hidden) await diagram.render();
    }
    this.follow(network);
  }

  /* Moves the other pictures as one was moved: with the same scale, and the matching part nearest to the middle at the same height. */
  follow(network) {
    if (this.diagrams.length === 1) return;
    const source = this.diagrams[network], { x, y, k } = source.place(), middle = (source.canvas.clientHeight / 2 - y) / k;
    const near = [...source.shown].sort(([, a], [, b]) => Math.abs(a.y - middle) - Math.abs(b.y - middle));
    for (const [at, diagram] of this.diagrams.entries()) {
      if (at === network || !diagram.layout || this.pictures[at].frame.hidden) continue;
      const found = near.find(([id]) => diagram.shown.has(this.counterpart(network, id, at)));
      if (!found) { diagram.moveTo(k, x, y); continue; }
      const target = diagram.shown.get(this.counterpart(network, found[0], at));
      const shift = (diagram.canvas.clientWidth - source.canvas.clientWidth) / 2;
      diagram.moveTo(k, x + shift + (found[1].x - target.x) * k, y + (found[1].y - target.y) * k);
    }
  }

  /* Chooses a part, and those of the other networks that match it. `name` is that of an equal part that it represents. */
  async choose({ network, id, name }, { move = false, address = true } = {}) {
    const ids = this.diagrams.map((_, at) => this.counterpart(network, id, at));
    const parts = ids.map((other, at) => this.diagrams[at].parts[other] || null), part = parts[network];
    const called = name || part.anchor;
    this.chosen = { network, id };
    this.details.show(name || part.name || part.title || part.label, parts, this.listNotes(part, called, ids));
    this.specs.show(parts, network);
    this.table.mark(ids);
    if (address) this.keepAddress(network, called);
    if (move && this.pictures[network].frame.hidden) await this.showPicture(network, true);
    for (const [at, diagram] of this.diagrams.entries()) {
      if (move && ids[at] >= 0 && !this.pictures[at].frame.hidden) await diagram.reveal(ids[at]);
      diagram.mark(ids[at]);
    }
    if (!move) return;
    this.follow(network);
    this.diagrams[network].canvas.scrollIntoView({ block: "nearest" });
  }

  listNotes(part, called, ids) {
    const notes = called === part.anchor || called === part.name ? [] : [`One of ${part.count} equal parts; the diagram shows ${part.name}.`];
    const marks = ids.map((id, at) => (this.diagrams[at].marks.get(id) || []).filter(Boolean).join(": "));
    const told = marks.map((mark, at) => (mark && marks.filter(other => other === mark).length === 1 ? `${this.networks[at].name}: ${mark}` : mark));
    return [...notes, ...new Set(told.filter(Boolean))];
  }

  keepAddress(network, name) {
    const hash = `#${network ? `${network + 1}:` : ""}${encodeURIComponent(name).replaceAll("%2F", "/")}`;
    if (hash === location.hash) return;
    try { history.pushState(null, "", hash); } catch { /* a frame without an address of its own */ }
  }

  readAddress() {
    const text = location.hash.slice(1);
    try { return decodeURIComponent(text); } catch { return text; } // as somebody typed it
  }

  /* Shows the part that the page's address names. */
  async followAddress() {
    const text = this.readAddress(), [, number, rest] = /^(\d+):(.*)$/.exec(text) || [];
    const wanted = this.diagrams[number - 1] ? [[number - 1, rest]] : this.diagrams.map((_, at) => [at, text]);
    for (const [network, name] of wanted) {
      const id = this.diagrams[network].names.get(name);
      if (id !== undefined) { await this.choose({ network, id, name }, { move: true, address: false }); return true; }
    }
    if (!text) this.clear();
    return false;
  }

  clear() {
    this.chosen = null;
    this.diagrams.forEach(diagram => diagram.mark(-1));
    this.details.clear(); this.table.mark(null);
  }

  /* On paper, a diagram is as wide as the page, or as tall if it remains readable. */
  print(printing) {
    for (const { svg, sheet, layout, canvas } of this.shown()) {
      if (!layout) continue;
      canvas.classList.toggle("printed", printing);
      if (printing) {
        svg.setAttribute("viewBox", `0 0 ${layout.width} ${layout.height}`);
        svg.style.maxWidth = `${layout.width}px`;
        sheet.removeAttribute("transform");
      } else {
        svg.removeAttribute("viewBox"); svg.style.maxWidth = "";
        sheet.setAttribute("transform", d3.zoomTransform(svg));
      }
    }
  }

  async start() {
    await this.renderShown();
    await this.followAddress();
    (window.requestIdleCallback || setTimeout)(loadLayout);
    window.addEventListener("popstate", () => this.followAddress());
    window.addEventListener("beforeprint", () => this.print(true));
    window.addEventListener("afterprint", () => this.print(false));
    matchMedia("print").addEventListener("change", ({ matches }) => this.print(matches));
    document.addEventListener("keydown", event => {
      if (event.key === "/" && !event.target.closest("input")) { this.search.input.focus(); event.preventDefault(); }
    });
  }
}

loadLibraries().then(() => new Report(JSON.parse(document.getElementById("data").textContent)).start());
