/* Saves what a diagram shows as a picture that needs nothing of this page. */

const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "text-anchor"];
const SHAPES = "rect, path, text";

/* The picture as the text of an SVG file, with the colours of the page; all that is unfolded, not only what the window shows. */
function writeSvg(diagram) {
  const { width, height } = diagram.layout, copy = diagram.svg.cloneNode(true);
  const originals = diagram.svg.querySelectorAll(SHAPES);
  copy.querySelectorAll(SHAPES).forEach((shape, at) => {
    const style = getComputedStyle(originals[at]);
    for (const name of STYLES) {
      const value = style.getPropertyValue(name);
      if (name.startsWith("font") || name === "text-anchor" ? shape.tagName === "text" : value !== "none" || name === "fill") shape.setAttribute(name, value);
    }
  });
  for (const knob of copy.querySelectorAll(".knob")) {
    const item = knob.parentNode, box = item.querySelector(".box"), middle = Number(box.getAttribute("x")) + Number(box.getAttribute("width")) / 2;
    for (const text of item.querySelectorAll(".name, .note")) text.setAttribute("x", middle);
    knob.remove();
  }
  for (const item of copy.querySelectorAll("*")) for (const { name } of [...item.attributes]) if (/^(class|tabindex|role|aria-.*)$/.test(name)) item.removeAttribute(name);
  copy.querySelector("defs ~ g").removeAttribute("transform");
  for (const name of ["class", "role", "aria-label", "style"]) copy.removeAttribute(name);
  for (const [name, value] of Object.entries({ xmlns: SVG, width: Math.ceil(width), height: Math.ceil(height), viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}` })) copy.setAttribute(name, value);
  copy.prepend(draw("title", {}, diagram.data.name), draw("rect", { width: "100%", height: "100%", fill: getComputedStyle(document.body).backgroundColor }));
  return new XMLSerializer().serializeToString(copy);
}

/* Two pixels for each unit, or fewer where the picture would be larger than browsers allow. */
async function writePng(diagram) {
  const { width, height } = diagram.layout, scale = Math.min(2, 16000 / Math.max(width, height), Math.sqrt(1.2e8 / (width * height)));
  const image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(writeSvg(diagram));
  await image.decode();
  const canvas = make("canvas", { width: Math.round(Math.ceil(width) * scale), height: Math.round(Math.ceil(height) * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise(done => canvas.toBlob(done, "image/png"));
}

async function save(diagram, ending) {
  const deselected = diagram.chosen;
  diagram.mark(-1);
  const blob = ending === "svg" ? new Blob([writeSvg(diagram)], { type: "image/svg+xml" }) : await writePng(diagram);
  diagram.mark(deselected);
  const link = make("a", { href: URL.createObjectURL(blob), download: `${diagram.data.name.replace(/[^\w.-]+/g, "_").slice(0, 80) || "network"}.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
