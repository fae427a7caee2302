/* Finds parts by a piece of their name, op or arguments; what is folded is found at the part that stands for it. */

const FOUND = 50;

class Search {
  constructor(box, diagrams, choose) {
    Object.assign(this, { box, choose });
    this.input = make("input", { type: "search", placeholder: "search a layer", "aria-label": "search a layer", role: "combobox", "aria-expanded": "false", "aria-controls": "found", autocomplete: "off" });
    this.list = make("ul", { class: "found", id: "found", hidden: "" });
    box.append(this.input, this.list);
    this.entries = this.collect(diagrams);
    this.input.addEventListener("input", () => this.show());
    this.input.addEventListener("focus", () => this.show());
    box.addEventListener("keydown", event => this.press(event));
    document.addEventListener("pointerdown", event => { if (!box.contains(event.target)) this.close(); });
    box.addEventListener("focusout", event => { if (event.relatedTarget && !box.contains(event.relatedTarget)) this.close(); });
  }

  /* An entry for each name, with the first network that has it. */
  collect(diagrams) {
    const entries = new Map();
    diagrams.forEach((diagram, network) => {
      for (const [name, id] of diagram.names) {
        const part = diagram.parts[id];
        if (part.terminal || entries.has(name)) continue;
        entries.set(name, { network, id, name, what: [part.title || part.word, network ? diagram.data.name : ""].filter(Boolean).join(" · "), text: `${name} ${part.word} ${part.title || ""}`.toLowerCase() });
      }
    });
    return [...entries.values()];
  }

  show() {
    const words = this.input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) { this.close(); return; }
    const found = this.entries.filter(entry => words.every(word => entry.text.includes(word)));
    const items = found.slice(0, FOUND).map(entry => make("li", {}, makeButton("", () => { this.close(); this.choose(entry); }, { class: "hit" })));
    items.forEach((item, at) => item.firstChild.append(make("span", {}, found[at].name), make("small", {}, found[at].what)));
    if (!found.length) items.push(make("li", { class: "hint" }, "nothing is called that"));
    if (found.length > FOUND) items.push(make("li", { class: "hint" }, `${found.length - FOUND} more`));
    this.list.replaceChildren(...items);
    this.open(true);
  }

  open(open) { this.list.hidden = !open; this.input.setAttribute("aria-expanded", String(open)); }
  close() { this.open(false); }

  press(event) {
    const hits = [...this.list.querySelectorAll("button")], at = hits.indexOf(document.activeElement);
    if (event.key === "Escape") { if (!this.list.hidden) event.preventDefault(); this.close(); this.input.focus(); this.close(); }
    if (event.key === "Enter" && event.target === this.input && hits.length) { hits[0].click(); event.preventDefault(); }
    if (event.key === "ArrowDown" && hits.length) { hits[Math.min(at + 1, hits.length - 1)].focus(); event.preventDefault(); }
    if (event.key === "ArrowUp" && at >= 0) { (hits[at - 1] || this.input).focus(); event.preventDefault(); }
  }
}
