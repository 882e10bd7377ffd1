// The protocol: one reply to each message, in order. A message with bytes is the length of a line of JSON, that line, they.

let socket = null, waiting = [], newest = 0;

// Open the connection; `closed` is called when it ends.
export function connect(closed) {
  return new Promise((resolve, reject) => {
    socket = new WebSocket(`ws://${location.host}/session`);
    socket.binaryType = "arraybuffer";
    socket.onopen = resolve;
    socket.onmessage = ({ data: message }) => waiting.shift()?.(decode(message));
    socket.onclose = () => {
      reject(new Error("closed"));
      for (const answer of waiting.splice(0)) answer(null);
      closed();
    };
  });
}

function decode(message) {
  if (typeof message === "string") return JSON.parse(message);
  const length = new DataView(message).getUint32(0, true), start = 4 + length;
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
  header.payload = start;
  header.buffer = message;
  const kinds = { u1: Uint8Array, f4: Float32Array };
  header.arrays = Object.fromEntries((header.arrays ?? []).map(([name, kind, shape, at]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [name, { shape, values: new kinds[kind](message, start + at, size) }];
  }));
  return header;
}

function encode(header, payload) {
  const text = new TextEncoder().encode(JSON.stringify(header)), message = new Uint8Array(4 + text.length + payload.length);
  new DataView(message.buffer).setUint32(0, text.length, true);
  message.set(text, 4);
  message.set(payload, 4 + text.length);
  return message;
}

// The number of the last reply.
export const replies = () => newest;

// Ask, and return the reply with its place in the order of replies; null if there is no connection any more.
export async function question(header, payload = null) {
  if (socket?.readyState !== WebSocket.OPEN) return null;
  const promise = new Promise((resolve) => waiting.push(resolve));
  socket.send(payload ? encode(header, payload) : JSON.stringify(header));
  const reply = await promise;
  if (reply) reply.number = ++newest;
  return reply;
}
