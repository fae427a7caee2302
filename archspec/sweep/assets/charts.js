"use strict";
/* Scales, axes and colours that the figures share. */

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f"];
const WIDE = 560, HIGH = 330, LEFT = 62, RIGHT = 14, TOP = 12, BOTTOM = 40;
const MOST_DRAWN = 4000;

const data = JSON.parse(document.getElementById("data").textContent);
const kinds = Object.fromEntries(data.columns.map(column => [column.name, column.kind]));
const rows = data.rows.map((cells, id) => Object.assign({ id }, Object.fromEntries(data.columns.map((column, at) => [column.name, cells[at]]))));
const numeric = data.columns.filter(column => column.kind === "number").map(column => column.name);
const numberOf = (row, name) => (row[name] === null ? NaN : Number(row[name]));

function show(value) {
  if (value === null) return "–";
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(5)));
  return typeof value === "string" && /^\d{16,}$/.test(value) ? group(BigInt(value)) : typeof value === "number" ? group(value) : value;
}

function shortNumber(number) {
  const [size, unit] = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]].find(([size]) => Math.abs(number) >= size) || [1, ""];
  if (Math.abs(number) >= 1e15 || (number && Math.abs(number) < 1e-3)) return number.toExponential(1);
  return `${Number((number / size).toPrecision(3))}${unit}`;
}

/* A scale from the values of a column to a range of pixels: logarithmic for numbers above 0 that span a factor of 50, words in order. */
function makeScale(name, values, from, to) {
  if (kinds[name] === "word") {
    const words = [...new Set(values)].sort(), step = (to - from) / Math.max(1, words.length - 1 || 1);
    const ticks = words.filter((_, at) => at % Math.ceil(words.length / 8) === 0);
    return { at: value => (words.length < 2 ? (from + to) / 2 : from + words.indexOf(value) * step), ticks, label: text => shorten(String(text), 14) };
  }
  const numbers = values.map(Number).filter(Number.isFinite);
  let low = numbers.reduce((a, b) => Math.min(a, b), Infinity), high = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  const log = low > 0 && high > 50 * low, turn = log ? Math.log10 : number => number;
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const start = turn(low), span = turn(high) - start;
  const ticks = log ? logTicks(low, high) : linearTicks(low, high);
  return { at: value => from + ((turn(Number(value)) - start) / span) * (to - from), ticks, label: shortNumber };
}

function linearTicks(low, high) {
  const rough = (high - low) / 5, size = 10 ** Math.floor(Math.log10(rough));
  const step = size * [1, 2, 5, 10].find(factor => factor * size >= rough);
  return Array.from({ length: 12 }, (_, at) => (Math.ceil(low / step) + at) * step).filter(tick => tick <= high * (1 + 1e-12));
}

function logTicks(low, high) {
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 }, (_, at) => 10 ** (Math.floor(Math.log10(low)) + at));
  const ticks = powers.length > 4 ? powers : powers.flatMap(power => [power, 2 * power, 5 * power]);
  const inside = ticks.filter(tick => tick >= low && tick <= high);
  return inside.filter((_, at) => at % Math.ceil(inside.length / 7) === 0);
}

/* The rows by the value of a column; beyond six values, the others are together. */
function groupRows(name, chosen) {
  if (!name) return [{ label: "", colour: COLOURS[0], members: chosen }];
  const found = new Map();
  for (const row of chosen) found.set(row[name], [...(found.get(row[name]) || []), row]);
  const order = [...found.keys()].sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
  const large = order.length <= 7 ? order : [...order].sort((a, b) => found.get(b).length - found.get(a).length).slice(0, 6);
  const groups = order.filter(value => large.includes(value)).map((value, at) => ({ label: `${name} ${show(value)}`, colour: COLOURS[at], members: found.get(value) }));
  const rest = order.filter(value => !large.includes(value)).flatMap(value => found.get(value));
  return rest.length ? [...groups, { label: "others", colour: COLOURS[6], members: rest }] : groups;
}

function drawAxes(canvas, x, y, across, up) {
  for (const tick of x.ticks) {
    canvas.append(draw("line", { class: "grid", x1: x.at(tick), x2: x.at(tick), y1: TOP, y2: HIGH - BOTTOM }));
    canvas.append(draw("text", { x: x.at(tick), y: HIGH - BOTTOM + 14, "text-anchor": "middle" }, x.label(tick)));
  }
  for (const tick of y.ticks) {
    canvas.append(draw("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: y.at(tick), y2: y.at(tick) }));
    canvas.append(draw("text", { x: LEFT - 6, y: y.at(tick) + 4, "text-anchor": "end" }, y.label(tick)));
  }
  canvas.append(draw("text", { class: "name", x: (LEFT + WIDE - RIGHT) / 2, y: HIGH - 6, "text-anchor": "middle" }, across));
  canvas.append(draw("text", { class: "name", x: 12, y: HIGH / 2 - 20, transform: `rotate(-90 12 ${HIGH / 2 - 20})`, "text-anchor": "middle" }, up));
}

const makeCanvas = label => draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": label });

function writeKey(groups) {
  return make("p", { class: "key" }, ...groups.filter(each => each.label).flatMap(each => [make("span", { style: `--hue:${each.colour}` }, `${each.label} (${group(each.members.length)})`), " "]));
}

/* Some of many rows, spread over all of them. */
const thin = (chosen, most) => (chosen.length <= most ? chosen : chosen.filter((_, at) => Math.floor((at * most) / chosen.length) !== Math.floor(((at - 1) * most) / chosen.length)));
