"use strict";
/* Elements of HTML and SVG, and the texts in them. */

const SVG = "http://www.w3.org/2000/svg";
const FONT = 'Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif';

function fill(element, attributes, content) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

const make = (name, attributes = {}, ...content) => fill(document.createElement(name), attributes, content);
const draw = (name, attributes = {}, ...content) => fill(document.createElementNS(SVG, name), attributes, content);

function makeButton(text, act, attributes = {}) {
  const button = make("button", { type: "button", ...attributes }, text);
  button.addEventListener("click", act);
  return button;
}

const group = (format => number => format.format(number))(new Intl.NumberFormat("en"));
const repeat = (text, times) => (times > 1 ? `${text} ×${times}` : text);
const shorten = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

const pen = document.createElement("canvas").getContext("2d");
function measure(text, font) {
  pen.font = `${font} ${FONT}`;
  return pen.measureText(text).width;
}

function fitText(text, font, wide) {
  let fitting = text;
  while (measure(fitting, font) > wide && fitting.length > 2) fitting = fitting.slice(0, -2) + "…";
  return fitting;
}

/* The libraries are carried compressed; as scripts of the page, the security policy knows them by their digest. */
const LAYOUT_CODE = "/* elkjs ";
let layoutCode = "";

async function loadLibraries() {
  const letters = atob(document.getElementById("libraries").textContent), packed = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) packed[at] = letters.charCodeAt(at);
  const text = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text(), layout = text.indexOf(LAYOUT_CODE);
  document.head.append(make("script", {}, text.slice(0, layout)));
  layoutCode = text.slice(layout);
}

/* ELK is most of the code, and plain chains do without it. */
function loadLayout() {
  if (layoutCode) document.head.append(make("script", {}, layoutCode));
  layoutCode = "";
}
