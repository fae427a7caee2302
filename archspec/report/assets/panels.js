/* What stands beside the diagrams: what is known of a part in each network, and the lines of the specs that made it. */

function listFacts(part, file) {
  const facts = [["operation", part.word || "group"]];
  if (file) facts.push(["place", file]);
  for (const [name, value] of Object.entries(part.arguments)) facts.push([name, value, !part.given || part.given.includes(name) ? "given" : "default"]);
  if (part.input) facts.push(["input", part.input.join(", ")]);
  facts.push(["output", part.output.join(", ")]);
  for (const [name, shape] of Object.entries(part.weights || {})) facts.push([`shape of ${name}`, shape.join("×")]);
  if (!part.terminal) facts.push(["params", group(part.params)], ["MACs", group(part.macs)], ["acts", group(part.acts)], ["memory", `${group(part.memory)} B`]);
  if (part.count > 1) facts.push(["times", `${part.count}, with ${group(part.sum[0])} params and ${group(part.sum[1])} MACs in all`]);
  return facts;
}

class Details {
  constructor(box, networks) {
    Object.assign(this, { box, networks });
    box.append(make("p", { class: "hint" }, "Choose a box to see what is known of it."));
  }

  /* `parts`: for each network the chosen part, or none. */
  show(name, parts, notes) {
    const columns = parts.map((part, at) => new Map(part ? listFacts(part, this.place(part, at)).map(([key, value, style]) => [key, [String(value), style]]) : []));
    const keys = [...new Set(columns.flatMap(column => [...column.keys()]))], several = parts.length > 1;
    const rows = keys.map(key => {
      const differs = several && key !== "place" && new Set(columns.map(column => column.get(key)?.[0])).size > 1;
      return make("tr", differs ? { class: "differs" } : {}, make("th", { scope: "row" }, differs ? `≠ ${key}` : key), ...columns.map(column => make("td", { class: column.get(key)?.[1] || "" }, column.get(key)?.[0] ?? "–")));
    });
    const heads = several ? [make("thead", {}, make("tr", {}, make("td"), ...this.networks.map((data, at) => make("th", { scope: "col", class: `net${at}` }, data.name))))] : [];
    this.box.replaceChildren(make("h3", {}, name), ...notes.map(note => make("p", { class: "hint" }, note)), make("table", {}, ...heads, make("tbody", {}, ...rows)));
  }

  place(part, network) {
    return part.at ? `${this.networks[network].files[part.at[0]].name}:${part.at[1]}:${part.at[2]}` : "";
  }

  clear() { this.box.replaceChildren(make("p", { class: "hint" }, "Choose a box to see what is known of it.")); }
}

/* The text of each spec, and behind it those of the specs that it extends; one that several networks share is shown once. */
class Specs {
  constructor(box, networks) {
    this.box = box;
    const texts = new Map();
    this.texts = networks.map(({ files }) => files.map(file => {
      const key = file.name + "\n" + file.lines.join("\n");
      if (!texts.has(key)) texts.set(key, { name: file.name, pre: make("pre", {}, ...file.lines.map(line => make("span", { class: "line" }, line + "\n"))) });
      return texts.get(key).pre;
    }));
    if (!texts.size) box.append(make("h4", {}, "the spec has no text"));
    for (const { name, pre } of texts.values()) box.append(make("section", {}, make("h4", {}, name), pre));
  }

  show(parts, first) {
    for (const line of this.box.querySelectorAll(".here")) line.classList.remove("here");
    parts.forEach((part, at) => part?.at && this.texts[at][part.at[0]].children[part.at[1] - 1]?.classList.add("here"));
    const chosen = parts[first]?.at, here = chosen && this.texts[first][chosen[0]].children[chosen[1] - 1];
    if (here) this.box.scrollTop = here.offsetTop - this.box.offsetTop - this.box.clientHeight / 3;
  }
}
