import { connect } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
  /** The parsed JSON body; undefined if the body is not JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- answers have many shapes
  body: any;
}

/**
 * Sends bytes unchanged over a new connection and reads until the server closes it. Use it for requests that no client
 * library would send. Include `Connection: close`.
 */
export function sendBytes(baseUrl: string, ...parts: (string | Buffer)[]): Promise<RawAnswer> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      for (const part of parts) socket.write(part);
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(parse(Buffer.concat(chunks).toString('latin1'))));
  });
}

function parse(wire: string): RawAnswer {
  const [head = '', ...rest] = wire.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const payload = rest.join('\r\n\r\n');
  const text = headers['transfer-encoding'] === 'chunked' ? unchunk(payload) : payload;
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, text, body: parseJson(text) };
}

function unchunk(payload: string): string {
  let text = '';
  for (let rest = payload; ;) {
    const length = Number.parseInt(rest, 16);
    const start = rest.indexOf('\r\n') + 2;
    if (!(length > 0)) return text;
    text += rest.slice(start, start + length);
    rest = rest.slice(start + length + 2);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
