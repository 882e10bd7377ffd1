// The formulas of one layer, first as they are written, then with the numbers put in.

const MATHML = "http://www.w3.org/1998/Math/MathML";

export function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export const options = (names, chosen) => names.map((name) => html("option", { selected: name === chosen }, name));

function m(tag, ...children) {
  const element = document.createElementNS(MATHML, tag);
  element.append(...children);
  return element;
}

const OPERATORS = new Set(["=", "+", "−", "·", "(", ")", "/", "Σ", "⊙", "←", "∂", ",", "max", "∑"]);

// A row of MathML of plain pieces: names, numbers and operators as they look; arrays are m() elements already made.
function row(...pieces) {
  return m("mrow", ...pieces.map((piece) => {
    if (typeof piece !== "string") return piece;
    if (OPERATORS.has(piece)) return m("mo", piece);
    return /^[−\d.]/.test(piece) ? m("mn", piece) : m("mi", piece);
  }));
}

const sub = (name, index) => m("msub", m("mi", name), m(/^\d/.test(index) ? "mn" : "mi", index));
const sup = (base, index) => m("msup", typeof base === "string" ? m("mi", base) : base, m("mi", index));
const over = (above, below) => m("mfrac", typeof above === "string" ? row(above) : above, typeof below === "string" ? row(below) : below);
const d = (what) => over(row("∂", "J"), typeof what === "string" ? row("∂", what) : row("∂", what));
const text = (words) => m("mtext", words);

function shown(...pieces) {
  const math = m("math", row(...pieces));
  math.setAttribute("displaystyle", "true");
  return html("div", { class: "math" }, math);
}

export function number(value) {
  if (value === 0) return "0";
  if (value === null || !Number.isFinite(value)) return "∞";
  const size = Math.abs(value);
  const digits = size >= 1e4 || size < 1e-3 ? value.toExponential(1) : value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 3);
  return digits.replaceAll("-", "−").replace("e+", "e");
}

function matrix(rows, mine, more) {
  const [down, right] = more;
  const lines = rows.map((cells, k) => {
    const line = m("mtr", ...cells.map((cell) => m("mtd", m("mn", number(cell)))), ...(right ? [m("mtd", m("mo", "⋯"))] : []));
    if (k === mine) line.setAttribute("class", "mine");
    return line;
  });
  if (down) lines.push(m("mtr", ...Array.from({ length: rows[0].length + (right ? 1 : 0) }, () => m("mtd", m("mo", "⋮")))));
  const table = m("mtable", ...lines);
  table.setAttribute("class", "matrix"); // with its brackets as borders: those of a font do not grow everywhere
  return table;
}

const column = (values, mine, more) => matrix(values.map((value) => [value]), mine, [more, false]);
const cases = (...lines) => m("mrow", m("mo", "{"), m("mtable", ...lines.map(([what, when]) => m("mtr", m("mtd", what), m("mtd", text(when))))));
const call = (name, of) => row(text(name), "(", of, ")");
const plusOne = (power) => row("1", "+", power);

// f(z) and f'(z) of the activations whose formulas fit in a line; of the others the name.
const ACTIVATIONS = {
  linear: ["z", "1"],
  relu: [row("max", "(", "0", ",", "z", ")"), cases([row("1"), "z > 0"], [row("0"), "otherwise"])],
  leaky_relu: [cases([row("z"), "z > 0"], [row("0.01", "z"), "otherwise"]), cases([row("1"), "z > 0"], [row("0.01"), "otherwise"])],
  tanh: [call("tanh", "z"), row("1", "−", m("msup", m("mi", "a"), m("mn", "2")))],
  sigmoid: [over(row("1"), plusOne(sup("e", "−z"))), row("a", "(", "1", "−", "a", ")")],
  softplus: [call("log", plusOne(sup("e", "z"))), call("sigmoid", "z")],
  silu: [row("z", "·", call("sigmoid", "z")), null],
  softsign: [over(row("z"), row("1", "+", "|z|")), over(row("1"), m("msup", row("(", "1", "+", "|z|", ")"), m("mn", "2")))],
  softmax: [over(sup("e", "z"), row("∑", sup("e", "z"))), null],
};

const activationOf = (name) => ACTIVATIONS[name]?.[0]?.cloneNode?.(true) ?? ACTIVATIONS[name]?.[0] ?? call(name, "z");
const slopeOf = (name) => ACTIVATIONS[name]?.[1]?.cloneNode?.(true) ?? ACTIVATIONS[name]?.[1] ?? row(text(`${name}′`), "(", "z", ")");
const PLAIN = new Set(["tanh", ...["elu", "selu", "gelu", "gelu_tanh", "mish", "relu6", "hard_sigmoid", "hard_swish"]]); // a name says all
const isCut = (numbers, name, length) => numbers[name].length < length;

const signedNumber = (value) => (value < 0 ? row("(", number(value), ")") : number(value));

// A sum of products with its numbers: a small formula for each of them, so that the line may break between them.
function sum(name, first, second, total, more = []) {
  const terms = first.map((value, k) => [...(k ? ["+"] : [name, "="]), signedNumber(value), "·", signedNumber(second[k])]);
  if (total > first.length) terms.push(["+", text("…")]);
  const line = html("div", { class: "math sum" });
  for (const pieces of [...terms, ...more]) {
    const formula = shown(...pieces).firstChild, first = formula.firstChild.firstChild;
    if (first.localName === "mo") first.setAttribute("form", "infix"); // with the space of a sign between two numbers
    line.append(formula, " ");
  }
  return line;
}

const heading = (words) => html("h3", {}, words);
const block = (wide, ...children) => html("div", { class: wide ? "wide" : null }, ...children);

function forwardBlock(n) {
  const { n_in: from, n_out: to, rows } = n;
  return block(false,
    heading("Forward"),
    shown("Z", "=", "W", sub("A", "in"), "+", "b"),
    html("p", { class: "shapes" }, `(${to}, ${rows}) = (${to}, ${from}) (${from}, ${rows}) + (${to}, 1)`),
    shown("A", "=", text(n.activation), "(", "Z", ")", ...(PLAIN.has(n.activation) ? [] : [text(", "), "a", "=", activationOf(n.activation)])),
    html("p", { class: "shapes" }, "Each row of the batch is a column here."));
}

function matrixBlock(n) {
  const mine = n.unit < n.z.length ? n.unit : -1, tall = isCut(n, "z", n.n_out), long = isCut(n, "a_in", n.n_in);
  return block(true,
    heading("Z = W A + b, with the numbers of this example"),
    shown(column(n.z, mine, tall), "=", matrix(n.W, mine, [tall, long]), column(n.a_in, -1, long), "+", column(n.b, mine, tall)));
}

function unitBlock(n) {
  const result = n.activation === "softmax" ? text("softmax") : text(n.activation);
  return block(false,
    heading(`Unit ${n.unit + 1}`),
    sum("z", n.unit_w, n.a_in, n.n_in, [[n.unit_b < 0 ? "−" : "+", number(Math.abs(n.unit_b))], ["=", number(n.unit_z)]]),
    shown("a", "=", result, "(", number(n.unit_z), ")", "=", number(n.unit_a)));
}

const penalty = (penalized) => (penalized ? ["+", text("penalty")] : []);

function lossBlock(rows, cost, penalized) {
  return block(false,
    heading("Cost"),
    shown("J", "=", "−", over(row("1"), row("m")), "∑", call("log", sub("a", "true class")), ...penalty(penalized)),
    html("p", { class: "shapes" }, `the mean over the m = ${rows} rows of a batch; this batch: J = ${number(cost)}`));
}

function backwardBlock(n, last) {
  const before = last
    ? [d("Z"), "=", over(row("1"), row("m")), "(", "A", "−", "Y", ")"]
    : [d("Z"), "=", m("msubsup", m("mi", "W"), m("mi", "next"), m("mi", "T")), d(sub("Z", "next")), "⊙", text("f′"), "(", "Z", ")"];
  return block(false,
    heading("Backward"),
    shown(...before),
    shown(d("W"), "=", d("Z"), m("msubsup", m("mi", "A"), m("mi", "in"), m("mi", "T")), m("mo", ","), d("b"), "=", "∑", d("Z")),
    ...(last || n.activation === "linear" ? [] : [shown(text("f′"), "(", "z", ")", "=", slopeOf(n.activation))]));
}

function gradientBlock(n, rule, penalized) {
  if (!n.dz) return block(false, heading(`Unit ${n.unit + 1}, its gradient`), html("p", { class: "hint" }, "Forward and Backward, at the top, take one batch through it with all numbers."));
  return block(false,
    heading(`Unit ${n.unit + 1}, its gradient: a sum over the batch`),
    sum(over(row("∂", "J"), row("∂", sub("w", "1"))), n.unit_dz, n.unit_in, n.rows, [...(penalized ? [["+", text("penalty’s")]] : []), ["=", number(n.unit_dw[0])]]),
    shown(d("b"), "=", number(n.unit_db)),
    html("p", { class: "shapes" }, rule));
}

// What the optimizer makes of a gradient, where one line says it.
function ruleOf(optimizer, rate) {
  const step = optimizer === "sgd" ? "the gradient" : `what ${optimizer} makes of the gradients so far`;
  return `The update takes ${number(rate)} times ${step} from w.`;
}

export function formulas(picture, optimizer, layers) {
  const n = picture.numbers, last = n.layer === layers - 1;
  const blocks = [forwardBlock(n), unitBlock(n), matrixBlock(n), backwardBlock(n, last), gradientBlock(n, ruleOf(optimizer, picture.rate), picture.penalized)];
  if (last) blocks.splice(3, 0, lossBlock(n.rows, picture.batch_cost, picture.penalized));
  return blocks;
}
