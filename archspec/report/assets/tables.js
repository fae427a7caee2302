/* The table of layers: of one network with all costs, of several with a row for each matching layer and columns for each network. */

const COSTS = ["params", "MACs", "acts", "memory"];

class Layers {
  /* `rows`: for each row, the id of its part in each network, or -1. */
  constructor(box, diagrams, rows, choose) {
    Object.assign(this, { box, diagrams, choose, sorted: 0, down: false });
    const several = diagrams.length > 1;
    this.columns = [{ head: "layer" }, ...diagrams.flatMap((diagram, at) => [
      { head: "operation", network: at, read: part => repeat(part.title || part.word, part.count) },
      ...(several ? [] : [{ head: "output", network: at, read: part => part.output.join(", ") }]),
      ...COSTS.slice(0, several ? 2 : 3).map((head, cost) => ({ head, network: at, number: true, read: part => part.sum[cost] })),
    ])];
    this.rows = rows.map((ids, place) => ({ ids, place, cells: this.readCells(ids) }));
    this.heads = this.columns.map((column, at) => make("th", { scope: "col", "aria-sort": at ? "none" : "other", class: column.number ? "number" : "" }, makeButton(column.head, () => this.sort(at))));
    this.body = make("tbody");
    const groups = several ? [make("tr", { class: "groups" }, make("td"), ...diagrams.map((diagram, at) => make("th", { scope: "colgroup", colspan: 3, class: `net${at}` }, diagram.data.name)))] : [];
    box.append(make("table", { class: several ? "several" : "" }, make("thead", {}, ...groups, make("tr", {}, ...this.heads)), this.body, this.sumUp()));
    this.show();
  }

  readCells(ids) {
    const named = ids.findIndex(id => id >= 0), first = this.diagrams[named].parts[ids[named]];
    return this.columns.map(column => {
      if (column.network === undefined) return first.name || first.anchor;
      const id = ids[column.network];
      return id < 0 ? null : column.read(this.diagrams[column.network].parts[id]);
    });
  }

  sumUp() {
    const cells = this.columns.map((column, at) => {
      if (!column.number) return make("td", {}, at ? "" : "all");
      return make("td", { class: "number" }, group(this.rows.reduce((sum, row) => sum + (row.cells[at] || 0), 0)));
    });
    return make("tfoot", {}, make("tr", {}, ...cells));
  }

  /* By a column; a second time in the other direction, and by names a third time in the order of the network. */
  sort(at) {
    const numbers = Boolean(this.columns[at].number), again = this.heads[at].getAttribute("aria-sort");
    const direction = again === "ascending" ? (numbers ? "descending" : "descending") : again === "descending" ? (numbers ? "ascending" : "other") : numbers ? "descending" : "ascending";
    const sign = direction === "descending" ? -1 : 1;
    const order = (a, b) => (a === null) - (b === null) || sign * (numbers ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
    this.rows.sort((a, b) => (direction === "other" ? 0 : order(a.cells[at], b.cells[at])) || a.place - b.place);
    this.heads.forEach((head, column) => head.setAttribute("aria-sort", column === at ? direction : "none"));
    this.show();
  }

  show() {
    this.body.replaceChildren(...this.rows.map(row => {
      const mark = this.markRow(row);
      const network = row.ids.findIndex(id => id >= 0);
      const name = makeButton(row.cells[0], () => this.choose({ network, id: row.ids[network] }));
      const cells = row.cells.slice(1).map((cell, at) => make("td", { class: this.columns[at + 1].number ? "number" : "" }, cell === null ? "–" : typeof cell === "number" ? group(cell) : cell));
      const sign = this.diagrams.length > 1 ? [make("span", { class: "sign", "aria-label": mark || "the same" }, mark ? MARKS[mark][0] : " ")] : [];
      return make("tr", { "data-row": row.ids.join(" "), class: mark || "" }, make("td", {}, ...sign, name), ...cells);
    }));
    this.mark(this.chosen);
  }

  /* What a row tells of the networks: that only the first or only others have the layer, or that it differs in what the row shows. */
  markRow({ ids, cells }) {
    if (ids.length === 1) return "";
    if (ids[0] < 0) return "added";
    if (ids.every((id, at) => !at || id < 0)) return "removed";
    const marked = ids.some((id, at) => id < 0 || this.diagrams[at].marks.has(id));
    const differs = ["operation", ...COSTS].some(head => new Set(cells.filter((_, at) => this.columns[at].head === head)).size > 1);
    return marked || differs ? "changed" : "";
  }

  mark(chosen) {
    this.chosen = chosen;
    const wanted = (chosen || []).map((id, at) => `${at}:${id}`);
    for (const line of this.body.children) line.classList.toggle("chosen", line.dataset.row.split(" ").some((id, at) => id !== "-1" && wanted.includes(`${at}:${id}`)));
  }
}

const isLayer = part => !part.terminal && !part.scope && part.word !== "input";

/* A row for each layer of the first network and those of the others that match it; others stand behind the layer before them. */
function alignRows(diagrams, counterpart) {
  const rows = diagrams[0].parts.filter(isLayer).map(part => [part.id, ...diagrams.slice(1).map(() => -1)]);
  const find = (network, id) => rows.findIndex(row => row[network] === id);
  diagrams.slice(1).forEach((diagram, before) => {
    const network = before + 1;
    let last = -1;
    for (const part of diagram.parts.filter(isLayer)) {
      const base = counterpart(network, part.id, 0);
      let at = base >= 0 ? find(0, base) : rows.findIndex(row => row[0] < 0 && row[network] < 0 && row.some((id, other) => id >= 0 && diagrams[other].parts[id].name === part.name && part.name));
      if (at < 0 || rows[at][network] >= 0) { at = last + 1; rows.splice(at, 0, diagrams.map(() => -1)); }
      rows[at][network] = part.id;
      last = at;
    }
  });
  return rows;
}
