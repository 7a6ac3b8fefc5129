import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Logger,
  type INestApplicationContext,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService, HttpAdapterHost, ModulesContainer, type AbstractHttpAdapter } from '@nestjs/core';
import { getSingleton } from '../common/index.js';
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
 * The phases run whenever Nest closes the application: by `app.close()`, by `enableShutdownHooks()`, or by
 * {@link shutdown}.
 *
 * @publicApi
 */
@Injectable()
export class ShutdownService implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Shutdown');
  private readonly connections: Connections[] = [];
  private readonly lost: string[] = [];
  private phases: Promise<void> | undefined;
  private ending: Promise<ShutdownOutcome> | undefined;

  /** @internal */
  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly discovery: DiscoveryService,
    private readonly adapterHost: HttpAdapterHost,
    @Inject(SHUTDOWN_SETTINGS) private readonly settings: ShutdownSettings,
    modules: ModulesContainer,
  ) {
    runDestroyHooksFirst(modules);
  }

  /** Finds the server and the participants. */
  onModuleInit(): void {
    // A participant that cannot take part is an error of the start, not of the shutdown.
    for (const wrapper of this.discovery.getProviders({ metadataKey: OnShutdown.KEY })) {
      getSingleton(wrapper, '@OnShutdown()');
    }
    // An application context and a microservice have no adapter.
    const adapter = this.adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    const server = adapter?.getHttpServer() as Server | undefined;
    if (server) this.watchServer(server);
  }

  /** Nest calls the hook before all other hooks of a shutdown, and before it closes the port. */
  onModuleDestroy(): Promise<void> {
    return this.runPhases('the application closes');
  }

  /** Watches another server of the same application, such as the server of a management port. */
  watchServer(server: Server): void {
    const connections = new Connections(server);
    this.connections.push(connections);
    if (this.lifecycle.state === 'running') return;
    connections.startClosing();
    void connections.stopListening();
  }

  /** Shuts the application down once, with a time limit for Nest's own hooks. A second call returns the same promise. */
  shutdown(app: Pick<INestApplicationContext, 'close'>, reason: string): Promise<ShutdownOutcome> {
    this.ending ??= this.end(app, reason);
    return this.ending;
  }

  /** Describes the running requests and jobs, for a log. */
  describeInFlight(): string[] {
    const now = performance.now();
    const jobs = this.lifecycle.inFlight.map(({ name, startedAt }) => `${name} (${Math.round(now - startedAt)} ms)`);
    return [...jobs, ...this.connections.flatMap((connections) => connections.describeInFlight())];
  }

  private async end(app: Pick<INestApplicationContext, 'close'>, reason: string): Promise<ShutdownOutcome> {
    await this.runPhases(reason);
    await this.runWithTimeout('closing the application', app.close());
    const { lost } = this;
    this.logger.log(lost.length === 0 ? 'shutdown complete' : `shutdown complete, but lost: ${lost.join('; ')}`);
    return { lost };
  }

  /** Runs the phases once. A second call waits for the first. */
  private runPhases(reason: string): Promise<void> {
    this.phases ??= this.drainAndClose(reason);
    return this.phases;
  }

  private async drainAndClose(reason: string): Promise<void> {
    const { drainDelayMs, timeoutMs, connectionIdleMs } = this.settings;
    const delayMs = this.connections.some(({ isListening }) => isListening) ? drainDelayMs : 0;
    this.lifecycle.setState('draining');
    for (const connections of this.connections) connections.startClosing();
    this.logger.log(`${reason}: the readiness probe fails now, and the port closes in ${delayMs} ms`);
    await Promise.all([this.runPhase(ShutdownPhase.Drain), sleep(delayMs)]);

    await Promise.all(this.connections.map((connections) => connections.stopListening()));
    await this.runPhase(ShutdownPhase.StopIntake);
    await this.waitForWork(timeoutMs, connectionIdleMs);

    await this.runPhase(ShutdownPhase.Flush);
    await this.runPhase(ShutdownPhase.Close);
    this.lifecycle.setState('stopped');
  }

  private async waitForWork(timeoutMs: number, connectionIdleMs: number): Promise<void> {
    const limit = AbortSignal.timeout(timeoutMs);
    const timeout = new Promise<void>((resolve) => limit.addEventListener('abort', () => resolve(), { once: true }));
    const closing = this.connections.map((connections) => connections.closeIdle(connectionIdleMs, limit));
    await Promise.race([Promise.all([this.lifecycle.waitUntilIdle(), ...closing]), timeout]);
    const unfinished = this.describeInFlight();
    if (unfinished.length > 0) {
      const msg = `requests or jobs did not finish within ${timeoutMs} ms and were aborted`;
      this.logger.error({ inFlight: unfinished, msg });
      this.lost.push(...unfinished);
    }
    for (const connections of this.connections) connections.destroy();
  }

  private async runPhase(phase: ShutdownPhase): Promise<void> {
    await Promise.all(
      this.getParticipants(phase).map(({ name, participant }) =>
        this.runWithTimeout(`${name} in phase ${ShutdownPhase[phase]}`, callParticipant(participant)),
      ),
    );
  }

  private getParticipants(phase: ShutdownPhase): { name: string; participant: ShutdownParticipant }[] {
    return this.discovery
      .getProviders({ metadataKey: OnShutdown.KEY })
      .filter((wrapper) => this.discovery.getMetadataByDecorator(OnShutdown, wrapper)?.phase === phase)
      .map((wrapper) => ({
        name: String(wrapper.name),
        participant: getSingleton<ShutdownParticipant>(wrapper, '@OnShutdown()'),
      }));
  }

  /** Waits for a step, up to the timeout of a phase. A step that fails or hangs does not stop the other steps. */
  private async runWithTimeout(what: string, step: Promise<unknown>): Promise<void> {
    const limit = new AbortController();
    const timeout = sleep(this.settings.phaseTimeoutMs, undefined, { signal: limit.signal }).then(() => {
      throw new Error(`not finished within ${this.settings.phaseTimeoutMs} ms`);
    });
    try {
      await Promise.race([step, timeout]);
    } catch (error) {
      this.logger.error({ err: error, msg: `${what} failed` });
      this.lost.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      limit.abort();
      timeout.catch(() => undefined);
    }
  }
}

/**
 * Makes Nest call the hooks of this module before those of all others when the application closes. Nest begins with the
 * module that has the smallest distance from the root module, and with global modules it ends.
 */
function runDestroyHooksFirst(modules: ModulesContainer): void {
  const all = [...modules.values()];
  const own = all.find((module) => module.hasProvider(ShutdownService));
  if (own) own.distance = Math.min(...all.map(({ distance }) => distance)) - 1;
}

/** Turns an exception of a participant into a rejection. */
async function callParticipant(participant: ShutdownParticipant): Promise<void> {
  await participant.onShutdown();
}
