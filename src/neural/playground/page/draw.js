// What is drawn: the plane, the units, the lines between them.

const CLASSES = ["#e07b28", "#2f7fd0", "#2c9a69", "#9a5fc4", "#cf4257", "#8a6a42", "#d977b3", "#6f7b86", "#9a9424", "#22a3b5"];
const NAMES = ["orange", "blue", "green", "purple", "red", "brown", "pink", "grey", "olive", "cyan"];
const LIGHT = { paper: [255, 255, 255], ink: "#1b2430", soft: "#566373", line: "#d7dee6", plus: [35, 112, 189], minus: [224, 123, 40], accent: "#1668b8", rim: "#ffffff" };
const DARK = { paper: [24, 32, 40], ink: "#e6ebf1", soft: "#a2aebb", line: "#2d3945", plus: [76, 155, 232], minus: [240, 149, 74], accent: "#6fb4f5", rim: "#10161c" };

const chosen = () => document.documentElement.dataset.theme;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

export const isDark = () => (chosen() ? chosen() === "dark" : prefersDark.matches);
export const colours = () => (isDark() ? DARK : LIGHT);
export const classColour = (k) => CLASSES[k % CLASSES.length];
export const className = (k) => NAMES[k % NAMES.length];

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const mix = (from, to, part) => from.map((value, k) => Math.round(value + (to[k] - value) * part));

let boxes = new WeakMap(); // asking for a size makes the browser lay out the page, so each is asked for once

export function resized() {
  boxes = new WeakMap();
}

// A canvas as sharp as the screen: its drawing context in CSS pixels, and its size.
export function sharp(canvas) {
  if (!boxes.has(canvas)) boxes.set(canvas, canvas.getBoundingClientRect());
  const box = boxes.get(canvas), ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width: box.width, height: box.height };
}

function offscreen(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

// --- units -----------------------------------------------------------------------------------------------------
const ramps = new Map();

// The colour of each byte, for a theme and a purpose, worked out once.
function ramp(name, colourOf) {
  const theme = colours(), key = `${theme.paper} ${name}`;
  if (!ramps.has(key)) {
    const table = new Uint32Array(256), bytes = new Uint8Array(table.buffer);
    for (let byte = 0; byte < 256; byte++) bytes.set([...colourOf(byte, theme), 255], byte * 4);
    ramps.set(key, table);
  }
  return ramps.get(key);
}

// A unit's picture: minus below 128, paper at it, plus above; of an output, from paper to the colour of its class.
const signed = (byte, theme) => mix(theme.paper, byte < 128 ? theme.minus : theme.plus, Math.min(Math.abs(byte - 128) / 127, 1));
const ofClass = (k) => (byte, theme) => mix(theme.paper, rgb(classColour(k)), byte / 255);

export function tile(canvas, bytes, height, width, output = null) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer), table = output === null ? ramp("signed", signed) : ramp(`class ${output}`, ofClass(output));
  for (let k = 0; k < pixels.length; k++) pixels[k] = table[bytes[k]];
  context.putImageData(image, 0, 0);
}

export function greys(canvas, bytes, side) {
  if (canvas.width !== side) Object.assign(canvas, { width: side, height: side });
  const context = canvas.getContext("2d"), image = context.createImageData(side, side);
  for (let k = 0; k < side * side; k++) image.data.set([bytes[k], bytes[k], bytes[k], 255], k * 4);
  context.putImageData(image, 0, 0);
}

// --- the lines -------------------------------------------------------------------------------------------------
const BANDS = 12; // widths that are drawn: as many strokes of the pen

// `places` holds for each layer the middles of the units' sides: {left: [[x, y]...], right: [[x, y]...]}.
export function links(canvas, places, matrices, scaleToLargest, size) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2), theme = colours();
  const width = Math.round(size.width * ratio), height = Math.round(size.height * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    Object.assign(canvas, { width, height });
    Object.assign(canvas.style, { width: `${size.width}px`, height: `${size.height}px` });
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  const most = (values) => values.reduce((found, value) => Math.max(found, Math.abs(value)), 1e-30);
  const largest = most(matrices.map(({ values }) => most(values))), bands = new Map();
  matrices.forEach((matrix, layer) => {
    const unit = scaleToLargest ? 3.2 / largest : matrix.relative ? 2 / most(matrix.values) : 1;
    const [rows, columns] = matrix.shape, from = places[layer]?.right, to = places[layer + 1]?.left;
    if (!from || !to) return;
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
      const value = matrix.values[row * columns + column] * unit;
      const strength = Math.min(Math.abs(value) / 3.2, 1), band = Math.round(strength * (BANDS - 1));
      const key = (value < 0 ? -1 - band : band);
      if (!bands.has(key)) bands.set(key, []);
      if (from[column] && to[row]) bands.get(key).push(from[column], to[row]);
    }
  });
  for (const [key, ends] of [...bands].sort(([a], [b]) => Math.abs(a) - Math.abs(b))) {
    const band = key < 0 ? -1 - key : key, part = band / (BANDS - 1);
    context.beginPath();
    for (let k = 0; k < ends.length; k += 2) {
      const [[x0, y0], [x1, y1]] = [ends[k], ends[k + 1]], bend = (x1 - x0) * 0.45;
      context.moveTo(x0, y0);
      context.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
    }
    context.lineWidth = 0.6 + 6.4 * part;
    context.strokeStyle = `rgba(${(key < 0 ? theme.minus : theme.plus).join(",")},${0.3 + 0.6 * part})`;
    context.stroke();
  }
}

// --- the plane -------------------------------------------------------------------------------------------------
const fill = {};

export function plane(canvas, picture, extent, pointsLayer, cross, unit) {
  const { context, width, height } = sharp(canvas);
  const square = unit ? unitSquare(unit) : classSquare(picture.arrays.winner, picture.arrays.sure);
  context.imageSmoothingEnabled = true;
  context.drawImage(square, 0, 0, width, height);
  if (pointsLayer) context.drawImage(pointsLayer, 0, 0, width, height);
  if (cross) {
    const [x, y] = place(cross, extent, width, height);
    context.strokeStyle = colours().ink;
    context.lineWidth = 1.5;
    context.beginPath();
    for (const [a, b] of [[4, 13], [-4, -13]]) {
      context.moveTo(x + a, y); context.lineTo(x + b, y);
      context.moveTo(x, y + a); context.lineTo(x, y + b);
    }
    context.stroke();
  }
}

function unitSquare({ bytes, side, output }) {
  const canvas = (fill.unit ??= offscreen(side, side));
  tile(canvas, bytes, side, side, output);
  return canvas;
}

function classSquare(winner, sure) {
  const [side] = winner.shape;
  if (fill.square?.width !== side) {
    fill.square = offscreen(side, side);
    fill.image = fill.square.getContext("2d").createImageData(side, side);
  }
  const tables = CLASSES.map((hex, k) => ramp(`plane ${k}`, (byte, theme) => mix(theme.paper, rgb(hex), 0.78 * (byte / 255) ** 0.8)));
  const pixels = new Uint32Array(fill.image.data.buffer);
  for (let k = 0; k < pixels.length; k++) pixels[k] = tables[winner.values[k] % CLASSES.length][sure.values[k]];
  fill.square.getContext("2d").putImageData(fill.image, 0, 0);
  return fill.square;
}

export function place([x, y], [left, right, bottom, top], width, height) {
  return [((x - left) / (right - left)) * width, ((top - y) / (top - bottom)) * height];
}

// All points once, to be laid over every picture; `marked` are the rows of the batch that is looked at.
export function points(canvas, data, withTest, marked) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2), box = canvas.getBoundingClientRect();
  const layer = offscreen(Math.max(1, Math.round(box.width * ratio)), Math.max(1, Math.round(box.height * ratio)));
  const context = layer.getContext("2d"), theme = colours();
  context.scale(ratio, ratio);
  const many = data.y_train.values.length, radius = many > 900 ? 2.2 : many > 400 ? 2.9 : 3.5;
  const each = (X, y, drawOne) => {
    for (let k = 0; k < y.values.length; k++) {
      drawOne(...place([X.values[2 * k], X.values[2 * k + 1]], data.extent, box.width, box.height), y.values[k], k);
    }
  };
  const inBatch = new Set(marked ?? []);
  each(data.X_train, data.y_train, (x, y, k, row) => {
    if (marked && inBatch.has(row)) {
      context.beginPath();
      context.arc(x, y, radius + 5, 0, 7);
      context.lineWidth = 2;
      context.strokeStyle = theme.ink;
      context.stroke();
    }
    context.globalAlpha = marked && !inBatch.has(row) ? 0.35 : 1;
    shape(context, k, x, y, radius);
    context.fillStyle = CLASSES[k % CLASSES.length];
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = theme.rim;
    context.stroke();
    context.globalAlpha = 1;
  });
  if (withTest) each(data.X_test, data.y_test, (x, y, k) => {
    shape(context, k, x, y, radius + 0.4);
    context.lineWidth = 3.6;
    context.strokeStyle = theme.rim;
    context.stroke();
    context.lineWidth = 1.9;
    context.strokeStyle = CLASSES[k % CLASSES.length];
    context.stroke();
  });
  return layer;
}

// A form for each class, for those who cannot tell the colours apart.
function shape(context, k, x, y, r) {
  context.beginPath();
  const corners = [0, 4, 3, 5][k % 4];
  if (!corners) return context.arc(x, y, r, 0, 7);
  const turn = k % 4 === 1 ? Math.PI / 4 : -Math.PI / 2, wide = r * 1.3;
  for (let c = 0; c < corners; c++) {
    const angle = turn + (2 * Math.PI * c) / corners;
    context.lineTo(x + wide * Math.cos(angle), y + wide * Math.sin(angle));
  }
  context.closePath();
}

export function sample(canvas, k) {
  Object.assign(canvas, { width: 28, height: 28 });
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  shape(context, k, 7, 7, 4.6);
  context.fillStyle = classColour(k);
  context.fill();
}

// --- the data sets' own small pictures -------------------------------------------------------------------------
export function thumbnail(canvas, name) {
  Object.assign(canvas, { width: 92, height: 92 });
  const context = canvas.getContext("2d");
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const dot = (x, y, k) => {
    context.beginPath();
    context.arc(46 + 36 * x, 46 - 36 * y, 4, 0, 7);
    context.fillStyle = classColour(k);
    context.fill();
  };
  const turn = (k, n) => (Math.PI * k) / n;
  const forms = {
    moons: () => { for (let k = 0; k <= 12; k++) { const a = turn(k, 12); dot(-0.33 + 0.66 * Math.cos(a), -0.15 + 0.75 * Math.sin(a), 0); dot(0.33 - 0.66 * Math.cos(a), 0.15 - 0.75 * Math.sin(a), 1); } },
    circles: () => { for (let k = 0; k < 20; k++) { const a = turn(k, 10); dot(0.95 * Math.cos(a), 0.95 * Math.sin(a), 0); if (k % 2) dot(0.42 * Math.cos(a), 0.42 * Math.sin(a), 1); } },
    spirals: () => { for (let k = 3; k < 22; k++) { const a = 0.42 * k, r = k / 22; dot(r * Math.cos(a), r * Math.sin(a), 0); dot(-r * Math.cos(a), -r * Math.sin(a), 1); } },
    xor: () => { for (let k = 0; k < 34; k++) { const x = 1.9 * random() - 0.95, y = 1.9 * random() - 0.95; if (Math.abs(x) > 0.1 && Math.abs(y) > 0.1) dot(x, y, x * y < 0 ? 1 : 0); } },
    csv: () => {
      Object.assign(context, { strokeStyle: colours().soft, lineWidth: 4 });
      context.strokeRect(12, 16, 68, 60);
      for (const y of [36, 56]) { context.moveTo(12, y); context.lineTo(80, y); }
      for (const x of [35, 57]) { context.moveTo(x, 16); context.lineTo(x, 76); }
      context.stroke();
    },
    fashion: () => {
      context.fillStyle = colours().soft;
      const outline = [[30, 16], [40, 24], [52, 24], [62, 16], [86, 32], [76, 48], [66, 42], [66, 80], [26, 80], [26, 42], [16, 48], [6, 32]];
      context.beginPath();
      outline.forEach(([x, y]) => context.lineTo(x, y));
      context.fill();
    },
  };
  forms[name]?.();
}
