import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** The pause leaves most of the CPU to the application. There are enough connections to notice any outage. */
const PAUSE_MS = 25;

/** Constant load over keep-alive connections. Each sends its next request shortly after the last response. */
export class Load {
  requests = 0;
  readonly failures: string[] = [];
  private isOn = true;
  private readonly agent: Agent;
  private readonly done: Promise<unknown>;

  constructor(
    private readonly url: string,
    private readonly paths: string[],
    connections: number,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.done = Promise.all(Array.from({ length: connections }, (_, index) => this.client(index)));
  }

  async stop(): Promise<void> {
    this.isOn = false;
    await this.done;
    this.agent.destroy();
  }

  private async client(index: number): Promise<void> {
    for (let i = index; this.isOn; i++) {
      const path = this.paths[i % this.paths.length] ?? '/';
      const failure = await this.send(path);
      this.requests++;
      await sleep(PAUSE_MS);
      if (failure !== undefined) this.failures.push(`${path}: ${failure}`);
    }
  }

  private send(path: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const outgoing = request(this.url + path, { agent: this.agent }, (incoming) => {
        incoming.on('error', (error) => resolve(error.message));
        incoming.on('end', () => resolve(incoming.statusCode === 200 ? undefined : `status ${incoming.statusCode}`));
        incoming.resume();
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      outgoing.end();
    });
  }
}
