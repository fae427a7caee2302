"use strict";
/* The page: choosers of each figure, the table, and the panel of the chosen network. */

const args = data.columns.filter(column => column.argument).map(column => column.name);
const chosen = { row: null }, redraws = [];
const first = (...names) => names.find(name => numeric.includes(name)) ?? numeric[0];
const view = { colour: "" };

function makeChooser(label, names, value, act) {
  const select = make("select", { "aria-label": label }, ...names.map(name => make("option", name === value ? { value: name, selected: "" } : { value: name }, name || "none")));
  select.addEventListener("change", () => act(select.value));
  return make("label", {}, `${label} `, select);
}

function makeSwitch(label, on, act) {
  const box = make("input", on ? { type: "checkbox", checked: "" } : { type: "checkbox" });
  box.addEventListener("change", () => act(box.checked));
  return make("label", {}, box, ` ${label}`);
}

function addFigure(name, title, paint, state, ...choosers) {
  const place = document.getElementById(name), picture = make("div", { class: "picture" });
  const redraw = () => {
    picture.replaceChildren(...paint(rows, { ...state, colour: view.colour }));
    markChosen();
  };
  redraws.push(redraw);
  const tools = choosers.map(([kind, label, key, names]) => kind === "list"
    ? makeChooser(label, names, state[key], value => { state[key] = value; redraw(); })
    : makeSwitch(label, state.signs[key] < 0, on => { state.signs[key] = on ? -1 : 1; redraw(); }));
  place.append(make("h2", {}, title), make("div", { class: "choosers" }, ...tools), picture);
  picture.addEventListener("click", event => {
    const id = event.target.closest("[data-id]")?.dataset.id;
    if (id !== undefined) choose(rows[Number(id)]);
  });
}

function addParallel() {
  const place = document.getElementById("parallel"), picture = make("div", { class: "picture" });
  const names = data.columns.filter(column => column.name !== "digest").map(column => column.name);
  const shown = new Set([...args.slice(0, 4), ...["params", "macs", "depth", "test_error", "latency"].filter(name => numeric.includes(name))]);
  const redraw = () => {
    const columns = names.filter(name => shown.has(name));
    picture.replaceChildren(...(columns.length > 1 ? drawParallel(rows, { columns, colour: view.colour }) : [make("p", { class: "hint" }, "choose two columns or more")]));
    markChosen();
  };
  redraws.push(redraw);
  const switches = names.map(name => makeSwitch(name, shown.has(name), on => { on ? shown.add(name) : shown.delete(name); redraw(); }));
  place.append(make("h2", {}, "Parallel coordinates"), make("div", { class: "choosers" }, ...switches), picture);
  picture.addEventListener("click", event => {
    const id = event.target.closest("[data-id]")?.dataset.id;
    if (id !== undefined) choose(rows[Number(id)]);
  });
}

function addTable() {
  const place = document.getElementById("table"), names = data.columns.map(column => column.name);
  const body = make("tbody"), state = { sort: names[1] ?? names[0], falling: false, most: 50 };
  const heads = names.map(name => {
    const cell = make("th", { scope: "col", class: kinds[name] }, makeButton(name, () => {
      state.falling = state.sort === name && !state.falling;
      state.sort = name;
      redraw();
    }));
    cell.dataset.name = name;
    return cell;
  });
  const more = makeButton("", () => { state.most *= 4; redraw(); });
  const compare = (a, b) => (a === null ? 1 : b === null ? -1 : kinds[state.sort] === "number" ? Number(a) - Number(b) : String(a).localeCompare(String(b)));
  function redraw() {
    const sorted = [...rows].sort((a, b) => (state.falling ? -1 : 1) * compare(a[state.sort], b[state.sort]));
    for (const head of heads) head.setAttribute("aria-sort", head.dataset.name === state.sort ? (state.falling ? "descending" : "ascending") : "none");
    body.replaceChildren(...sorted.slice(0, state.most).map(row => {
      const line = make("tr", { tabindex: 0, "data-id": row.id }, ...names.map(name => make("td", { class: kinds[name] }, show(row[name]))));
      line.addEventListener("click", () => choose(row));
      line.addEventListener("keydown", event => event.key === "Enter" && choose(row));
      return line;
    }));
    more.textContent = `more of ${group(rows.length)}`;
    more.hidden = rows.length <= state.most;
    markChosen();
  }
  place.append(make("h2", {}, "Networks"), make("div", { class: "wide" }, make("table", { class: "points" }, make("thead", {}, make("tr", {}, ...heads)), body)), more);
  redraw();
}

function markChosen() {
  for (const element of document.querySelectorAll("[data-id].chosen")) element.classList.remove("chosen");
  if (chosen.row) for (const element of document.querySelectorAll(`[data-id="${chosen.row.id}"]`)) element.classList.add("chosen");
}

function choose(row) {
  chosen.row = row;
  const facts = data.columns.flatMap(column => [make("dt", {}, column.name), make("dd", {}, show(row[column.name]))]);
  const open = data.reports[row.digest] ? makeButton("open the report", () => openReport(row.digest)) : make("p", { class: "hint" }, "Its report is not in this page:");
  const lines = make("pre", {}, `archspec sweep pick ${data.folder} ${row.digest} -o net.yaml\narchspec report net.yaml -o net.html`);
  document.getElementById("chosen").replaceChildren(make("h2", {}, row.digest), open, lines, make("dl", {}, ...facts));
  markChosen();
}

async function unpack(letters) {
  const bytes = Uint8Array.from(atob(letters), letter => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

async function openReport(digest) {
  const opened = window.open("about:blank"), text = await unpack(data.reports[digest]);
  const libraries = document.getElementById("libraries").textContent;
  opened.location = URL.createObjectURL(new Blob([text.replace(data.mark, () => libraries)], { type: "text/html" }));
}

document.getElementById("tools").append(makeChooser("colour", ["", ...data.columns.filter(column => column.name !== "digest").map(column => column.name)], view.colour, value => {
  view.colour = value;
  for (const redraw of redraws) redraw();
}));
const [objective, against] = [first(...data.objectives, "macs"), first(...data.objectives.slice(1), "test_error", "params")];
addFigure("scatter", "Trade-off", drawScatter, { across: objective, up: against === objective ? first("depth") : against, signs: data.signs },
  ["list", "across", "across", numeric], ["switch", "more is better", 0], ["list", "up", "up", numeric], ["switch", "more is better", 1]);
addFigure("distribution", "Distribution", drawDistribution, { column: first("test_error", "macs") }, ["list", "of", "column", numeric]);
addParallel();
const axes = data.columns.filter(column => column.name !== "digest").map(column => column.name);
addFigure("heat", "Heat map", drawHeat, { across: args[0] ?? axes[0], up: args[1] ?? axes[1], column: first("test_error", "params") },
  ["list", "across", "across", axes], ["list", "up", "up", axes], ["list", "value", "column", numeric]);
for (const redraw of redraws) redraw();
addTable();
