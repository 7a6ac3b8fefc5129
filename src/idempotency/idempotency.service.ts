import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { hasIdentity, routePattern, type AdapterRequest } from '../context/index.js';
import { Metrics, NoMetrics, REDIS, withoutCompression } from '../ports/index.js';
import { PeriodicTasks } from '../periodic-tasks/index.js';
import { ProblemException } from '../problem/index.js';
import { withTimeLimit } from '../common/index.js';
import { getCaller, createFingerprint, createClaimId, parseKey, getBudgetCaller } from './idempotency-key.js';
import { IdempotencyStoreFullError } from './idempotency-store-full.error.js';
import {
  IDEMPOTENCY_OPTIONS,
  IDEMPOTENCY_STORE,
  type IdempotencyModuleOptions,
  type IdempotentOptions,
} from './idempotency.options.js';
import type { IdempotencyClaim, IdempotencyState, IdempotencyStore, StoredResponse } from './idempotency.store.js';
import type { MemoryUsage } from './memory-budget.js';
import { MemoryIdempotencyStore } from './memory.idempotency-store.js';
import { setOperationId } from './operation-id.js';
import { RedisIdempotencyStore, type IdempotencyRedis } from './redis.idempotency-store.js';
import { captureResponse } from './response-capture.js';

const DEFAULT_STORED_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-language',
  'content-location',
  'content-type',
  'etag',
  'last-modified',
  'link',
  'location',
];
/** Statuses after which the same request may be sent again. Such responses are not stored. */
const RETRYABLE_STATUSES = new Set([400, 401, 403, 408, 413, 415, 425, 429]);
const POLL_MS = 50;
const MAX_POLL_MS = 400;
const STORE_ATTEMPTS = 3;
const PRUNE_INTERVAL_MS = 600_000;

/** Executes a request once, and returns the stored response to repeated requests. @publicApi */
@Injectable()
export class IdempotencyService {
  private readonly logger = new Logger('Idempotency');
  private readonly store: IdempotencyStore;
  private readonly storedHeaders: ReadonlySet<string>;
  private readonly outcomes;
  /** Running look-ups by claim. All requests that wait for the same response share one look-up. */
  private readonly pendingLookups = new Map<string, Promise<IdempotencyState>>();

  constructor(
    @Inject(IDEMPOTENCY_OPTIONS) private readonly options: IdempotencyModuleOptions,
    tasks: PeriodicTasks,
    @Optional() @Inject(REDIS) redis?: IdempotencyRedis,
    @Optional() metrics: Metrics = new NoMetrics(),
    @Optional() @Inject(IDEMPOTENCY_STORE) store?: IdempotencyStore,
  ) {
    this.store =
      options.store ?? store ?? (redis ? new RedisIdempotencyStore(redis) : new MemoryIdempotencyStore(options.memory));
    if (this.store.prune) {
      const everyMs = options.pruneIntervalMs ?? PRUNE_INTERVAL_MS;
      tasks.add({ name: 'idempotency-pruning', everyMs, run: () => this.store.prune?.() });
    }
    this.storedHeaders = new Set([
      ...DEFAULT_STORED_HEADERS,
      ...(options.headers ?? []).map((name) => name.toLowerCase()),
    ]);
    this.outcomes = metrics.counter({
      name: 'idempotency_requests_total',
      help: 'Requests with an idempotency key, by outcome.',
      labelNames: ['outcome'],
    });
    if (!this.memoryUsage) return;
    metrics.gauge(
      { name: 'idempotency_memory_entries', help: 'Idempotency keys in the memory of this process.' },
      () => this.memoryUsage?.entries ?? 0,
    );
    metrics.gauge(
      { name: 'idempotency_memory_bytes', help: 'Estimated size of these keys and their responses.' },
      () => this.memoryUsage?.bytes ?? 0,
    );
  }

  /** Usage of the memory store. Undefined for other stores. @internal */
  get memoryUsage(): MemoryUsage | undefined {
    return this.store instanceof MemoryIdempotencyStore ? this.store.usage : undefined;
  }

  /**
   * Returns the stored response of a repeated request. Returns undefined if the request must be executed now; then its
   * response is stored.
   *
   * @throws ProblemException `IDEMPOTENCY_KEY_MISSING`, `IDEMPOTENCY_KEY_INVALID`, `IDEMPOTENCY_KEY_REUSED`,
   * `IDEMPOTENCY_IN_PROGRESS`, `IDEMPOTENCY_OUTCOME_UNKNOWN`, `IDEMPOTENCY_UNAVAILABLE`
   */
  async admit(
    request: AdapterRequest,
    response: ServerResponse,
    route: IdempotentOptions,
  ): Promise<StoredResponse | undefined> {
    const header = request.headers['idempotency-key'];
    if (header === undefined) {
      if (!route.required) return undefined;
      throw new ProblemException(
        'IDEMPOTENCY_KEY_MISSING',
        'Send an Idempotency-Key, such as a new UUID. Send the same key if you repeat this request.',
      );
    }
    const claim = this.createClaim(request, parseKey(String(header)), route);
    const state = await this.begin(claim);
    if (state.state !== 'started') {
      this.count(state.state === 'done' ? 'replayed' : state.state);
      return getStoredResponse(state);
    }
    this.count(state.isTakeover ? 'taken_over' : 'started');
    if (state.isTakeover) this.warnOfTakeover(request);
    setOperationId(request, claim);
    this.trackAttempt(claim, request, response);
    return undefined;
  }

  private createClaim(request: AdapterRequest, key: string, route: IdempotentOptions): IdempotencyClaim {
    const caller = (this.options.getCaller ?? getCaller)(request);
    const isCallerKnown = this.options.getCaller !== undefined || hasIdentity(request.user);
    return {
      id: createClaimId(caller, request, key),
      caller: getBudgetCaller(caller, request),
      fingerprint: createFingerprint(request, isCallerKnown),
      owner: randomUUID(),
      leaseMs: this.options.leaseMs ?? 30_000,
      ttlMs: route.ttlMs ?? this.options.ttlMs ?? 86_400_000,
      mayTakeOver: (route.afterCrash ?? this.options.afterCrash ?? 'execute') === 'execute',
    };
  }

  /** Starts the attempt, or waits for the attempt that is already running. */
  private async begin(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const deadline = performance.now() + (this.options.waitMs ?? 2_000);
    for (let pause = POLL_MS; ; pause = Math.min(pause * 2, MAX_POLL_MS)) {
      const state = await this.shareLookup(claim);
      if ('fingerprint' in state && state.fingerprint !== undefined && state.fingerprint !== claim.fingerprint) {
        this.count('reused');
        throw new ProblemException(
          'IDEMPOTENCY_KEY_REUSED',
          'This Idempotency-Key was already used for another request. Use a new key for a new request.',
        );
      }
      if (state.state !== 'running' || performance.now() + pause > deadline) return state;
      await sleep(pause);
    }
  }

  private shareLookup(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const watched = this.pendingLookups.get(claim.id);
    if (!watched) {
      const look = this.beginInStore(claim).finally(() => this.pendingLookups.delete(claim.id));
      this.pendingLookups.set(claim.id, look);
      return look;
    }
    // If the attempt was started, it belongs to the other request and not to this one.
    return watched.then((state) => (state.state === 'started' ? { state: 'running', fingerprint: undefined } : state));
  }

  private async beginInStore(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const begun = this.store.begin(claim);
    try {
      return await withTimeLimit(begun, this.options.storeTimeoutMs ?? 5_000);
    } catch (cause) {
      // If the attempt starts after the time limit, nobody executes it, so it is released.
      begun
        .then(
          ({ state }) => (state === 'started' ? this.store.release(claim) : undefined),
          () => undefined,
        )
        .catch(() => undefined);
      if (cause instanceof IdempotencyStoreFullError) {
        this.count('full');
        throw new ProblemException(
          'IDEMPOTENCY_UNAVAILABLE',
          'The store for Idempotency-Keys is full, so this request was not executed. Send it again later.',
          { cause, headers: { 'Retry-After': '60' } },
        );
      }
      this.count('unavailable');
      throw new ProblemException(
        'IDEMPOTENCY_UNAVAILABLE',
        'The store for Idempotency-Keys is not available, so this request was not executed. Send it again later.',
        { cause, headers: { 'Retry-After': '5' } },
      );
    }
  }

  /** Sends heartbeats while the request runs, and stores its response. */
  private trackAttempt(claim: IdempotencyClaim, request: AdapterRequest, response: ServerResponse): void {
    const endsAt = performance.now() + (this.options.maxRunMs ?? 600_000);
    const heartbeat = setInterval(() => {
      if (performance.now() > endsAt) clearInterval(heartbeat);
      // After a lost heartbeat, the next one is sent before the lease expires.
      else this.store.extend(claim).catch(() => undefined);
    }, claim.leaseMs / 3).unref();
    // The stored response must be readable for clients that accept no encoding.
    withoutCompression(request);
    const settings = { headers: this.storedHeaders, maxBytes: this.options.maxBodyBytes ?? 1_048_576 };
    captureResponse(response, settings, async (answer) => {
      clearInterval(heartbeat);
      await this.storeOutcome(claim, answer);
    });
  }

  private async storeOutcome(claim: IdempotencyClaim, answer: StoredResponse): Promise<void> {
    const isFinal = answer.status < 500 && !RETRYABLE_STATUSES.has(answer.status);
    for (let attempt = 1; ; attempt++) {
      try {
        const timeoutMs = this.options.storeTimeoutMs ?? 5_000;
        if (!isFinal) await withTimeLimit(this.store.release(claim), timeoutMs);
        else if (!(await withTimeLimit(this.store.complete(claim, answer), timeoutMs)) && attempt === 1) {
          this.logger.error('A request ran longer than its lease and may have been executed twice. Raise leaseMs');
        }
        return;
      } catch (error) {
        if (attempt < STORE_ATTEMPTS) continue;
        // The request was executed, so the client gets its response.
        this.logger.error({
          err: error,
          msg: 'a response could not be stored. A repeated request may be executed again',
        });
        return;
      }
    }
  }

  private warnOfTakeover(request: AdapterRequest): void {
    this.logger.warn(
      `${request.method} ${routePattern(request)}: the process of an earlier attempt crashed, and the request is executed again. ` +
        'Work outside transactions may be done twice',
    );
  }

  private count(outcome: string): void {
    this.outcomes.labels({ outcome }).add();
  }
}

function getStoredResponse(state: Exclude<IdempotencyState, { state: 'started' }>): StoredResponse {
  if (state.state === 'running') {
    throw new ProblemException(
      'IDEMPOTENCY_IN_PROGRESS',
      'The same request is still in progress. Send it again later to get its response.',
      { headers: { 'Retry-After': '1' } },
    );
  }
  if (state.state !== 'done') {
    throw new ProblemException(
      'IDEMPOTENCY_OUTCOME_UNKNOWN',
      'The same request was interrupted. Find out whether it took effect before you send it with a new key.',
    );
  }
  return state.answer;
}

/** Returns Node's own response on both adapters. */
export function getRawResponse(response: { readonly raw?: ServerResponse }): ServerResponse {
  return response.raw ?? (response as unknown as ServerResponse);
}
