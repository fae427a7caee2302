"use strict";
/* The figures: scatter with its front, distribution with a band, parallel coordinates, heat map. */

/* The rows that no other is as good as in both columns and better in one; a sign of -1 means that more is better. */
function findFront(chosen, across, up, signs) {
  const rank = row => [signs[0] * numberOf(row, across), signs[1] * numberOf(row, up)];
  const ranked = chosen.map(row => [rank(row), row]).filter(([[a, b]]) => Number.isFinite(a) && Number.isFinite(b));
  ranked.sort(([a], [b]) => a[0] - b[0] || a[1] - b[1]);
  const front = [];
  let best = Infinity, last = null;
  for (const [[a, b], row] of ranked) {
    if (b < best || (b === best && last === a)) front.push(row);
    if (b < best) [best, last] = [b, a];
  }
  return front;
}

function drawScatter(chosen, { across, up, signs, colour }) {
  const known = chosen.filter(row => row[across] !== null && row[up] !== null), canvas = makeCanvas(`${up} over ${across}`);
  const x = makeScale(across, known.map(row => row[across]), LEFT, WIDE - RIGHT), y = makeScale(up, known.map(row => row[up]), HIGH - BOTTOM, TOP);
  drawAxes(canvas, x, y, across, up);
  const front = findFront(known, across, up, signs), isBest = new Set(front), groups = groupRows(colour, known);
  const corners = front.flatMap((row, at) => (at ? [[x.at(row[across]), y.at(front[at - 1][up])]] : []).concat([[x.at(row[across]), y.at(row[up])]]));
  canvas.append(draw("polyline", { class: "front", points: corners.map(point => point.join()).join(" ") }));
  for (const { colour: hue, members } of groups) {
    for (const row of thin(members, MOST_DRAWN).concat(members.length > MOST_DRAWN ? members.filter(row => isBest.has(row)) : [])) {
      const dot = draw("circle", { class: isBest.has(row) ? "dot best" : "dot", cx: x.at(row[across]), cy: y.at(row[up]), r: isBest.has(row) ? 4.5 : 3.2, fill: hue, "data-id": row.id });
      dot.append(draw("title", {}, `${row.digest}\n${across} ${show(row[across])}\n${up} ${show(row[up])}`));
      canvas.append(dot);
    }
  }
  return [canvas, writeKey(groups), make("p", { class: "hint" }, `${group(known.length)} networks, ${group(front.length)} on the front`)];
}

function makeGenerator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/* The share of values up to each of them, and the band of 95 % over samples with repetition (Radosavovic et al. 2019, equation 1). */
function findDistribution(values, draws = 200) {
  const random = makeGenerator(1), count = values.length, places = [...new Set(values)];
  const last = new Map(values.map((value, at) => [value, at]));
  const curves = Array.from({ length: draws }, () => {
    const times = new Uint32Array(count + 1);
    for (let at = 0; at < count; at++) times[Math.floor(random() * count)]++;
    for (let at = 1; at < count; at++) times[at] += times[at - 1];
    return places.map(value => times[last.get(value)] / count);
  });
  const edge = Math.round(0.025 * draws);
  return places.map((value, at) => {
    const shares = curves.map(curve => curve[at]).sort((a, b) => a - b);
    return { value, share: (last.get(value) + 1) / count, low: shares[edge], high: shares[draws - 1 - edge] };
  });
}

function drawDistribution(chosen, { column, colour }) {
  const known = chosen.filter(row => Number.isFinite(numberOf(row, column))), canvas = makeCanvas(`distribution of ${column}`);
  const x = makeScale(column, known.map(row => row[column]), LEFT, WIDE - RIGHT);
  const y = { at: share => HIGH - BOTTOM - share * (HIGH - BOTTOM - TOP), ticks: [0, 0.25, 0.5, 0.75, 1], label: share => `${100 * share} %` };
  drawAxes(canvas, x, y, column, "share of networks up to it");
  const groups = groupRows(colour, known);
  for (const { colour: hue, members } of groups) {
    const values = thin(members, MOST_DRAWN).map(row => numberOf(row, column)).sort((a, b) => a - b), points = findDistribution(values);
    const step = key => points.flatMap((point, at) => (at ? [[x.at(point.value), y.at(points[at - 1][key])]] : []).concat([[x.at(point.value), y.at(point[key])]]));
    const band = step("high").concat(step("low").reverse());
    canvas.append(draw("polygon", { class: "band", fill: hue, points: band.map(point => point.join()).join(" ") }));
    canvas.append(draw("polyline", { class: "curve", stroke: hue, points: step("share").map(point => point.join()).join(" ") }));
  }
  return [canvas, writeKey(groups)];
}

function drawParallel(chosen, { columns, colour }) {
  const known = chosen.filter(row => columns.every(name => row[name] !== null)), canvas = makeCanvas(`networks over ${columns.join(", ")}`);
  const at = columns.map((_, place) => LEFT + (place * (WIDE - RIGHT - LEFT - 20)) / Math.max(1, columns.length - 1));
  const scales = columns.map(name => makeScale(name, known.map(row => row[name]), HIGH - BOTTOM, TOP + 14));
  const groups = groupRows(colour, known);
  for (const { colour: hue, members } of groups) {
    for (const row of thin(members, 1000)) {
      const points = columns.map((name, place) => `${at[place]},${scales[place].at(row[name])}`).join(" ");
      canvas.append(draw("polyline", { class: "line", stroke: hue, points, "data-id": row.id }));
    }
  }
  columns.forEach((name, place) => {
    canvas.append(draw("line", { class: "axis", x1: at[place], x2: at[place], y1: TOP + 14, y2: HIGH - BOTTOM }));
    canvas.append(draw("text", { class: "name", x: at[place], y: HIGH - BOTTOM + 18 + 13 * (place % 2), "text-anchor": "middle" }, shorten(name, 16)));
    for (const tick of scales[place].ticks) canvas.append(draw("text", { x: at[place] + 4, y: scales[place].at(tick) + 4 }, scales[place].label(tick)));
  });
  return [canvas, writeKey(groups)];
}

function drawHeat(chosen, { across, up, column }) {
  const known = chosen.filter(row => Number.isFinite(numberOf(row, column)) && row[across] !== null && row[up] !== null);
  const canvas = makeCanvas(`${column} over ${across} and ${up}`);
  const sorted = name => [...new Set(known.map(row => row[name]))].sort((a, b) => (kinds[name] === "number" ? a - b : String(a).localeCompare(String(b))));
  const xs = sorted(across), ys = sorted(up), cells = new Map();
  for (const row of known) {
    const key = JSON.stringify([row[across], row[up]]);
    cells.set(key, [...(cells.get(key) || []), row]);
  }
  const means = new Map([...cells].map(([key, members]) => [key, members.reduce((sum, row) => sum + numberOf(row, column), 0) / members.length]));
  const shade = makeScale(column, [...means.values()], 0, 1), wide = (WIDE - RIGHT - LEFT) / xs.length, high = (HIGH - BOTTOM - TOP) / ys.length;
  xs.forEach((x, i) => ys.forEach((y, j) => {
    const key = JSON.stringify([x, y]);
    if (!means.has(key)) return;
    const part = shade.at(means.get(key)), box = draw("rect", { class: "cell", x: LEFT + i * wide, y: HIGH - BOTTOM - (j + 1) * high, width: wide, height: high, fill: `hsl(${230 - 180 * part} 70% ${30 + 35 * part}%)`, "data-id": cells.get(key)[0].id });
    box.append(draw("title", {}, `${across} ${show(x)}, ${up} ${show(y)}: ${column} ${show(means.get(key))}${cells.get(key).length > 1 ? `, the mean of ${cells.get(key).length}` : ""}`));
    canvas.append(box);
  }));
  const band = (values, size, from, sign) => ({ at: value => from + sign * (values.indexOf(value) + 0.5) * size, ticks: values.filter((_, at) => at % Math.ceil(values.length / 10) === 0), label: value => shorten(show(value), 12) });
  drawAxes(canvas, band(xs, wide, LEFT, 1), band(ys, high, HIGH - BOTTOM, -1), across, up);
  const ends = [...means.values()].sort((a, b) => a - b);
  return [canvas, make("p", { class: "key" }, make("span", { style: "--hue:hsl(230 70% 30%)" }, `${column} ${shortNumber(ends[0] ?? NaN)}`), " ", make("span", { style: "--hue:hsl(50 70% 65%)" }, shortNumber(ends.at(-1) ?? NaN)))];
}
