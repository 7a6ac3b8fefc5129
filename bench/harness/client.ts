import { Agent, request } from 'node:http';

export interface Timed {
  status: number;
  text: string;
  /** Time from the first byte sent to the last byte received. */
  milliseconds: number;
}

/** A client that sends one request after another and times each one. autocannon reports only totals. */
export class TimingClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly port: number) {}

  send(method: string, path: string, body?: object): Promise<Timed> {
    const payload = body && JSON.stringify(body);
    const headers = payload
      ? { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) }
      : {};
    return new Promise((resolve, reject) => {
      const started = performance.now();
      const outgoing = request(
        { host: '127.0.0.1', port: this.port, method, path, agent: this.agent, headers },
        (incoming) => {
          let text = '';
          incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          incoming.on('end', () =>
            resolve({ status: incoming.statusCode ?? 0, text, milliseconds: performance.now() - started }),
          );
        },
      );
      outgoing.on('error', reject).end(payload);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
