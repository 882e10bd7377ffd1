// The costs by epoch: kept, thinned out, and drawn.
import { colours, sharp } from "./draw.js";

const KEPT = 1500; // entries; beyond them every second one goes
let history = [], spacing = 0;

export function forget() {
  history = [];
  spacing = 0;
}

export function record(picture) {
  const epoch = picture.epoch + picture.batch / picture.per_epoch, last = history.at(-1);
  if (last && epoch <= last.epoch) return;
  const entry = { epoch, cost: picture.cost, test: picture.test_cost };
  if (last && history.length > 1 && epoch - history.at(-2).epoch < spacing) history[history.length - 1] = entry;
  else history.push(entry);
  if (history.length > KEPT) {
    history = history.filter((_, k) => k % 2 === 0);
    spacing = 2 * Math.max(spacing, epoch / KEPT);
  }
}

const nice = (top) => {
  const power = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => top / step <= 3.5) ?? top;
};

export function drawCosts(canvas) {
  const { context, width, height } = sharp(canvas), theme = colours();
  context.clearRect(0, 0, width, height);
  const [left, right, low, high] = [34, width - 6, height - 20, 8];
  const largest = Math.max(1e-6, ...history.slice(0, 1).flatMap((e) => [e.cost, e.test]), ...quantiles());
  const last = Math.max(1, history.at(-1)?.epoch ?? 1), step = nice(largest);
  const across = (epoch) => left + ((right - left) * epoch) / last;
  const up = (cost) => low - (low - high) * Math.min(cost / (largest * 1.05), 1);
  Object.assign(context, { font: "11px system-ui, sans-serif", fillStyle: theme.soft, strokeStyle: theme.line, lineWidth: 1 });
  context.textAlign = "right";
  for (let cost = 0; cost <= largest * 1.05; cost += step) {
    context.beginPath();
    context.moveTo(left, up(cost));
    context.lineTo(right, up(cost));
    context.stroke();
    context.fillText(String(+cost.toPrecision(2)), left - 5, up(cost) + 4);
  }
  context.fillText(last === 1 ? "1 epoch" : `${Math.floor(last)} epochs`, right, height - 4);
  for (const [name, colour, dash] of [["cost", theme.accent, []], ["test", `rgb(${theme.minus})`, [5, 4]]]) {
    context.beginPath();
    for (const entry of history) context.lineTo(across(entry.epoch), up(entry[name]));
    context.setLineDash(dash);
    Object.assign(context, { strokeStyle: colour, lineWidth: 2, lineJoin: "round" });
    context.stroke();
    if (history.length === 1) { // a line of one point is not seen
      context.beginPath();
      context.arc(across(history[0].epoch), up(history[0][name]), 3, 0, 7);
      context.fillStyle = colour;
      context.fill();
    }
  }
  context.setLineDash([]);
}

// The largest costs but for the few that would flatten all others.
function quantiles() {
  const sorted = history.flatMap((entry) => [entry.cost, entry.test]).sort((a, b) => a - b);
  return sorted.length ? [sorted[Math.floor(0.98 * (sorted.length - 1))]] : [];
}
