/* Puts each network of the page together. */

/* How often each part is in the network: its own times those of what is around it. */
function multiply(diagram) {
  for (const part of diagram.parts) {
    if (part.mark) continue;
    part.count = diagram.chain(part.id).reduce((times, at) => times * diagram.parts[at].times, 1);
  }
}

function network(article, data, at) {
  const facts = [["params", whole(data.params)], ["MACs", whole(data.macs)], ["acts", whole(data.acts)], ["memory", whole(data.memory) + " B"], ["depth", whole(data.depth)], ["paths", data.paths]];
  const input = make("input", { type: "search", placeholder: "search a layer", "aria-label": "search a layer" });
  const buttons = [["unfold all", "unfold"], ["fold all", "fold"], ["+", "in"], ["−", "out"], ["fit", "fit"]].map(([text, name]) => make("button", { type: "button", "data-do": name }, text));
  const found = make("ul", { class: "found", "aria-live": "polite" }), canvas = make("div", { class: "canvas", id: `canvas${at}`, tabindex: "0", "aria-label": "diagram; arrow keys move, plus and minus magnify, 0 fits" });
  const about = make("div", { class: "details", "aria-live": "polite" }, "Click a layer to see what is known of it."), text = make("div", { class: "spec" }), costs = make("div", { class: "costs" });
  article.append(
    make("h2", {}, data.name), make("p", { class: "hint" }, data.source),
    make("ul", { class: "facts" }, ...facts.map(([name, value]) => make("li", {}, `${name} `, make("b", {}, value)))),
    make("div", { class: "bench" }, make("div", {}, make("div", { class: "tools" }, input, ...buttons), found, canvas), make("div", { class: "side" }, about, text)),
    costs,
  );
  const diagram = new Diagram(canvas, data, id => choose(id, false)), spec = new Spec(text, data.files);
  multiply(diagram);
  const table = new Costs(costs, diagram.parts, id => choose(id, true));
  new Search(input, found, diagram, id => choose(id, true));

  function choose(id, move) {
    const part = diagram.parts[id];
    for (const item of canvas.querySelectorAll(".chosen")) item.classList.remove("chosen");
    diagram.chosen = id;
    if (move) diagram.reveal(id);
    const shown = diagram.shown.get(id);
    if (shown) shown.item.classList.add("chosen");
    const place = part.at ? `${data.files[part.at[0]].name}:${part.at[1]}:${part.at[2]}` : "";
    details(about, { ...part, place });
    if (part.at) spec.show(part.at);
    table.mark(id);
  }

  const actions = { unfold: () => diagram.unfoldAll(true), fold: () => diagram.unfoldAll(false), in: () => diagram.zoom(1.25), out: () => diagram.zoom(0.8), fit: () => diagram.fit() };
  for (const button of buttons) button.addEventListener("click", actions[button.dataset.do]);
  diagram.render(); diagram.fit();
}

const articles = [...document.querySelectorAll(".network")];
JSON.parse(document.getElementById("data").textContent).forEach((data, at) => network(articles[at], data, at));
document.addEventListener("keydown", event => {
  if (event.key === "/" && !event.target.closest("input")) { document.querySelector("input[type=search]").focus(); event.preventDefault(); }
});
