import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type INestApplication } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Lifecycle, OnShutdown, ShutdownPhase, type ShutdownParticipant } from '../ports/index.js';
import { Connections } from './connections.js';
import { SHUTDOWN_SETTINGS, type ShutdownSettings } from './shutdown.options.js';

/** Result of a shutdown. @publicApi */
export interface ShutdownOutcome {
  /** Work that did not finish in time, and steps that failed. Empty if nothing was lost. */
  readonly lost: readonly string[];
}

/**
 * Shuts the application down without losing a request. The readiness probe fails first. Then the port closes, running
 * requests and jobs finish, buffers are written, and connections close.
 *
 * @publicApi
 */
@Injectable()
export class ShutdownService {
  private readonly logger = new Logger('Shutdown');
  private app: INestApplication | undefined;
  private readonly connections: Connections[] = [];
  private running: Promise<ShutdownOutcome> | undefined;

  /** @internal */
  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly discovery: DiscoveryService,
    @Inject(SHUTDOWN_SETTINGS) private readonly settings: ShutdownSettings,
  ) {}

  /** Watches the connections of the application. Call it before the application listens. */
  watch(app: INestApplication): void {
    this.app = app;
    this.watchServer(app.getHttpServer() as Server);
  }

  /** Watches another server of the same application, such as the server of a management port. */
  watchServer(server: Server): void {
    this.connections.push(new Connections(server));
  }

  /** Shuts down once. A second call returns the same promise. */
  shutdown(reason: string): Promise<ShutdownOutcome> {
    this.running ??= this.run(reason);
    return this.running;
  }

  private async run(reason: string): Promise<ShutdownOutcome> {
    const { drainDelayMs, timeoutMs, connectionIdleMs } = this.settings;
    const lost: string[] = [];
    this.lifecycle.setState('draining');
    for (const connections of this.connections) connections.startClosing();
    this.logger.log(`${reason}: the readiness probe fails now, and the port closes in ${drainDelayMs} ms`);
    await Promise.all([this.runPhase(ShutdownPhase.Drain, lost), sleep(drainDelayMs)]);

    await Promise.all(this.connections.map((connections) => connections.stopListening()));
    await this.runPhase(ShutdownPhase.StopIntake, lost);
    await this.waitForWork(timeoutMs, connectionIdleMs, lost);

    await this.runPhase(ShutdownPhase.Flush, lost);
    await this.runPhase(ShutdownPhase.Close, lost);
    await this.runWithTimeout('closing the application', this.app?.close() ?? Promise.resolve(), lost);
    this.lifecycle.setState('stopped');
    this.logger.log(lost.length === 0 ? 'shutdown complete' : `shutdown complete, but lost: ${lost.join('; ')}`);
    return { lost };
  }

  /** Describes the running requests and jobs, for a log. */
  describeInFlight(): string[] {
    const now = performance.now();
    const jobs = this.lifecycle.inFlight.map(({ name, startedAt }) => `${name} (${Math.round(now - startedAt)} ms)`);
    return [...jobs, ...this.connections.flatMap((connections) => connections.describeInFlight())];
  }

  private async waitForWork(timeoutMs: number, connectionIdleMs: number, lost: string[]): Promise<void> {
    const limit = AbortSignal.timeout(timeoutMs);
    const timeout = new Promise<void>((resolve) => limit.addEventListener('abort', () => resolve(), { once: true }));
    const closing = this.connections.map((connections) => connections.closeIdle(connectionIdleMs, limit));
    await Promise.race([Promise.all([this.lifecycle.waitUntilIdle(), ...closing]), timeout]);
    const unfinished = this.describeInFlight();
    if (unfinished.length > 0) {
      const msg = `requests or jobs did not finish within ${timeoutMs} ms and were aborted`;
      this.logger.error({ inFlight: unfinished, msg });
      lost.push(...unfinished);
    }
    for (const connections of this.connections) connections.destroy();
  }

  private async runPhase(phase: ShutdownPhase, lost: string[]): Promise<void> {
    await Promise.all(
      this.getParticipants(phase).map(({ name, participant }) =>
        this.runWithTimeout(`${name} in phase ${ShutdownPhase[phase]}`, callParticipant(participant), lost),
      ),
    );
  }

  private getParticipants(phase: ShutdownPhase): { name: string; participant: ShutdownParticipant }[] {
    return this.discovery
      .getProviders({ metadataKey: OnShutdown.KEY })
      .filter((wrapper) => this.discovery.getMetadataByDecorator(OnShutdown, wrapper)?.phase === phase)
      .map((wrapper) => ({ name: String(wrapper.name), participant: wrapper.instance as ShutdownParticipant }));
  }

  /** Waits for a step, up to the timeout of a phase. A step that fails or hangs does not stop the other steps. */
  private async runWithTimeout(what: string, step: Promise<unknown>, lost: string[]): Promise<void> {
    const limit = new AbortController();
    const timeout = sleep(this.settings.phaseTimeoutMs, undefined, { signal: limit.signal }).then(() => {
      throw new Error(`not finished within ${this.settings.phaseTimeoutMs} ms`);
    });
    try {
      await Promise.race([step, timeout]);
    } catch (error) {
      this.logger.error({ err: error, msg: `${what} failed` });
      lost.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      limit.abort();
      timeout.catch(() => undefined);
    }
  }
}

/** Turns an exception of a participant into a rejection. */
async function callParticipant(participant: ShutdownParticipant): Promise<void> {
  await participant.onShutdown();
}
