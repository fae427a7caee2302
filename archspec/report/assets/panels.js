/* What stands beside the diagram: what is known of a part, the spec, the search, the table of costs. */

function make(name, attributes = {}, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

const whole = number => number.toLocaleString("en");

function details(box, part) {
  const list = make("dl");
  const row = (name, value, style = "") => { if (value !== "" && value !== undefined) list.append(make("dt", {}, name), make("dd", style ? { class: style } : {}, String(value))); };
  row("what", part.word); row("place", part.place);
  for (const [name, value] of Object.entries(part.arguments)) row(name, value, !part.given || part.given.includes(name) ? "given" : "");
  row("input", (part.input || []).join(", ")); row("output", part.output.join(", "));
  for (const [name, shape] of Object.entries(part.weights || {})) row(`weight ${name}`, shape.join("×"));
  if (!part.mark) { row("params", whole(part.params)); row("MACs", whole(part.macs)); row("acts", whole(part.acts)); row("memory", `${whole(part.memory)} B`); }
  if (part.count > 1) row("times", `${part.count}, with ${whole(part.sum[0])} params and ${whole(part.sum[1])} MACs in all`);
  box.replaceChildren(make("h3", {}, part.name || part.title || part.label), list);
}

/* The text of the spec, and behind it those of the specs that it extends. */
class Spec {
  constructor(box, files) {
    this.box = box;
    this.texts = files.map(file => make("pre", {}, ...file.lines.map(line => make("span", { class: "line" }, line + "\n"))));
    if (!files.length) box.append(make("h4", {}, "the spec has no text"));
    this.texts.forEach((text, at) => box.append(make("section", {}, make("h4", {}, files[at].name), text)));
  }

  show(at) {
    for (const line of this.box.querySelectorAll(".here")) line.classList.remove("here");
    const here = this.texts[at[0]].children[at[1] - 1];
    if (!here) return;
    here.classList.add("here");
    this.box.scrollTop = here.offsetTop - this.box.offsetTop - this.box.clientHeight / 3;
  }
}

/* Finds parts by a piece of their name, op or arguments; what is folded is found at the part that stands for it. */
class Search {
  constructor(input, list, diagram, choose) {
    Object.assign(this, { input, list, choose });
    this.names = [];
    for (const part of diagram.parts) {
      if (part.mark) continue;
      const text = [part.name, part.word, part.title || ""].join(" ").toLowerCase();
      this.names.push({ id: part.id, name: part.name || part.title || part.word, text });
      for (const name of this.aliases(diagram, part)) this.names.push({ id: part.id, name, text: name.toLowerCase() });
    }
    input.addEventListener("input", () => this.show());
    input.addEventListener("keydown", event => {
      const first = list.querySelector("button");
      if (event.key === "Enter" && first) first.click();
      if (event.key === "ArrowDown" && first) { first.focus(); event.preventDefault(); }
      if (event.key === "Escape") { input.value = ""; this.show(); }
    });
  }

  aliases(diagram, part) {
    let names = [];
    for (const at of diagram.chain(part.id)) {
      const scope = diagram.parts[at], also = scope.also || [];
      names = [...names, ...also.map(name => name + part.name.slice(scope.name.length))].slice(0, 2000);
    }
    return part.name ? names : [];
  }

  show() {
    const words = this.input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = words.length ? this.names.filter(one => words.every(word => one.text.includes(word))).slice(0, 60) : [];
    this.list.replaceChildren(...found.map(one => {
      const button = make("button", { type: "button" }, one.name);
      button.addEventListener("click", () => this.choose(one.id));
      return make("li", {}, button);
    }));
    if (words.length && !found.length) this.list.append(make("li", {}, "nothing is called that"));
  }
}

class Costs {
  constructor(box, parts, choose) {
    Object.assign(this, { box, choose, sorted: -1, down: true });
    this.rows = parts.filter(part => !part.mark && !part.scope && part.word !== "input").map(part => ({
      id: part.id, cells: [part.name || part.word, repeated(part.title, part.count), part.output.join(", "), ...part.sum],
    }));
    this.heads = ["layer", "operation", "output", "params", "MACs", "acts", "memory"].map((name, at) => {
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", () => this.sort(at));
      return make("th", { scope: "col", "aria-sort": "none" }, button);
    });
    this.body = make("tbody");
    box.append(make("table", {}, make("thead", {}, make("tr", {}, ...this.heads)), this.body));
    this.show();
  }

  sort(at) {
    this.down = this.sorted === at ? !this.down : at > 2;
    this.sorted = at;
    const sign = this.down ? -1 : 1, order = (a, b) => (at > 2 ? a.cells[at] - b.cells[at] : a.cells[at].localeCompare(b.cells[at], "en", { numeric: true }));
    this.rows.sort((a, b) => sign * order(a, b) || a.id - b.id);
    this.heads.forEach((head, column) => head.setAttribute("aria-sort", column !== at ? "none" : this.down ? "descending" : "ascending"));
    this.show();
  }

  show() {
    this.body.replaceChildren(...this.rows.map(row => {
      const button = make("button", { type: "button" }, row.cells[0]);
      button.addEventListener("click", () => this.choose(row.id));
      const cells = row.cells.slice(1).map(cell => make("td", {}, typeof cell === "number" ? whole(cell) : cell));
      return make("tr", { "data-row": row.id }, make("td", {}, button), ...cells);
    }));
  }

  mark(id) { for (const row of this.body.children) row.classList.toggle("chosen", Number(row.dataset.row) === id); }
}
