import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type INestApplication } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Lifecycle, OnShutdown, ShutdownPhase, type ShutdownParticipant } from '../ports/index.js';
import { Connections } from './connections.js';
import { SHUTDOWN_SETTINGS, type ShutdownSettings } from './shutdown.options.js';

/** How a shutdown went. */
export interface ShutdownOutcome {
  /** Work that was cut because it took too long, and steps that failed. Empty when nothing was lost. */
  readonly lost: readonly string[];
}

/**
 * Takes the application down without losing a request: readiness first, then the port, then what is in flight, then
 * buffers, then connections.
 *
 * @publicApi
 */
@Injectable()
export class ShutdownService {
  private readonly logger = new Logger('Shutdown');
  private app: INestApplication | undefined;
  private readonly connections: Connections[] = [];
  private running: Promise<ShutdownOutcome> | undefined;

  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly discovery: DiscoveryService,
    @Inject(SHUTDOWN_SETTINGS) private readonly settings: ShutdownSettings,
  ) {}

  /** Watches the connections of the application from its first one on. Call it before the application listens. */
  watch(app: INestApplication): void {
    this.app = app;
    this.watchServer(app.getHttpServer() as Server);
  }

  /** Watches a further server of the same application, such as that of a management port. */
  watchServer(server: Server): void {
    this.connections.push(new Connections(server));
  }

  /** Shuts down once; whoever asks again waits for the same end. */
  shutdown(reason: string): Promise<ShutdownOutcome> {
    this.running ??= this.run(reason);
    return this.running;
  }

  private async run(reason: string): Promise<ShutdownOutcome> {
    const { drainDelayMs, timeoutMs, quietMs } = this.settings;
    const lost: string[] = [];
    this.lifecycle.moveTo('draining');
    for (const connections of this.connections) connections.leave();
    this.logger.log(`${reason}: not ready any more, the port closes in ${drainDelayMs} ms`);
    await Promise.all([this.runPhase(ShutdownPhase.Drain, lost), sleep(drainDelayMs)]);

    await Promise.all(this.connections.map((connections) => connections.stopListening()));
    await this.runPhase(ShutdownPhase.StopIntake, lost);
    await this.waitForWork(timeoutMs, quietMs, lost);

    await this.runPhase(ShutdownPhase.Flush, lost);
    await this.runPhase(ShutdownPhase.Close, lost);
    await this.bounded('closing the application', this.app?.close() ?? Promise.resolve(), lost);
    this.lifecycle.moveTo('stopped');
    this.logger.log(lost.length === 0 ? 'shut down in order' : `shut down, but lost: ${lost.join('; ')}`);
    return { lost };
  }

  /** What is in flight now, as text for a log. */
  describeInFlight(): string[] {
    const now = performance.now();
    const jobs = this.lifecycle.inFlight.map(({ name, startedAt }) => `${name} (${Math.round(now - startedAt)} ms)`);
    return [...jobs, ...this.connections.flatMap((connections) => connections.inFlight())];
  }

  private async waitForWork(timeoutMs: number, quietMs: number, lost: string[]): Promise<void> {
    const limit = AbortSignal.timeout(timeoutMs);
    const isOver = new Promise<void>((resolve) => limit.addEventListener('abort', () => resolve(), { once: true }));
    const closing = this.connections.map((connections) => connections.closeQuietOnes(quietMs, limit));
    await Promise.race([Promise.all([this.lifecycle.idle(), ...closing]), isOver]);
    const left = this.describeInFlight();
    if (left.length > 0) {
      this.logger.error({ inFlight: left, msg: `not finished within ${timeoutMs} ms, and cut` });
      lost.push(...left);
    }
    for (const connections of this.connections) connections.destroy();
  }

  private async runPhase(phase: ShutdownPhase, lost: string[]): Promise<void> {
    await Promise.all(
      this.participantsOf(phase).map(({ name, participant }) =>
        this.bounded(`${name} in phase ${ShutdownPhase[phase]}`, startOf(participant), lost),
      ),
    );
  }

  private participantsOf(phase: ShutdownPhase): { name: string; participant: ShutdownParticipant }[] {
    return this.discovery
      .getProviders({ metadataKey: OnShutdown.KEY })
      .filter((wrapper) => this.discovery.getMetadataByDecorator(OnShutdown, wrapper)?.phase === phase)
      .map((wrapper) => ({ name: String(wrapper.name), participant: wrapper.instance as ShutdownParticipant }));
  }

  /** Waits for a step as long as a phase may take. One that fails or hangs does not keep the others from their turn. */
  private async bounded(what: string, step: Promise<unknown>, lost: string[]): Promise<void> {
    const limit = new AbortController();
    const tooLong = sleep(this.settings.phaseTimeoutMs, undefined, { signal: limit.signal }).then(() => {
      throw new Error(`not done within ${this.settings.phaseTimeoutMs} ms`);
    });
    try {
      await Promise.race([step, tooLong]);
    } catch (error) {
      this.logger.error({ err: error, msg: `${what} failed` });
      lost.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      limit.abort();
      tooLong.catch(() => undefined);
    }
  }
}

/** A participant that throws instead of rejecting fails alike. */
async function startOf(participant: ShutdownParticipant): Promise<void> {
  await participant.onShutdown();
}
