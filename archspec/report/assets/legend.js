/* Tells what colours, lines and signs mean: those that the diagrams have. */

const MARKS = { added: ["+", "added"], removed: ["−", "removed"], changed: ["~", "changed, or changed inside"], same: ["", "the same"] };

function makeLegend(diagrams, names) {
  const parts = diagrams.flatMap(diagram => diagram.parts), compared = diagrams.length > 1;
  const kinds = Object.keys(names.kinds).filter(kind => parts.some(part => part.kind === kind));
  const flows = Object.keys(names.flows).filter(flow => diagrams.some(diagram => diagram.edges.some(edge => edge.flow === flow)));
  const sample = (...shapes) => draw("svg", { width: 22, height: 14, "aria-hidden": "true" }, ...shapes);
  const box = (style, sign = "") => sample(draw("g", { class: `part ${style}` }, draw("rect", { class: "box", x: 1, y: 1, width: 20, height: 12, rx: 3 }), draw("text", { class: "mark", x: 11, y: 11 }, sign)));
  const entries = compared
    ? Object.entries(MARKS).map(([mark, [sign, text]]) => [box(mark, sign), text])
    : kinds.map(kind => [box(kind), names.kinds[kind]]);
  for (const flow of flows) entries.push([sample(draw("path", { class: `edge ${flow}`, d: "M1,7H21" })), names.flows[flow]]);
  if (parts.some(part => part.times > 1)) entries.push([make("b", {}, "×3"), "3 equal parts in a row, drawn once"]);
  return make("ul", { class: "legend" }, ...entries.map(([shown, text]) => make("li", {}, shown, text)));
}
