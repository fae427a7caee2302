// Reads files with Mermaid's own parser and prints what each is; run in a folder that has mermaid and jsdom.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!DOCTYPE html><body></body>");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import("mermaid");
for (const file of process.argv.slice(2)) {
  console.log((await mermaid.parse(readFileSync(file, "utf8"))).diagramType);
}
