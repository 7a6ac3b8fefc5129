import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { hasIdentity, routePattern, type AdapterRequest } from '../context/index.js';
import { Metrics, NoMetrics, REDIS, withoutCompression } from '../ports/index.js';
import { PeriodicTasks } from '../periodic-tasks/index.js';
import { ProblemException } from '../problem/index.js';
import { withTimeLimit } from '../common/index.js';
import { callerOf, fingerprintOf, idOf, parseKey, shareOf } from './idempotency-key.js';
import { IdempotencyStoreFullError } from './idempotency-store-full.error.js';
import { IDEMPOTENCY_OPTIONS, type IdempotencyModuleOptions, type IdempotentOptions } from './idempotency.options.js';
import type { IdempotencyClaim, IdempotencyState, IdempotencyStore, StoredAnswer } from './idempotency.store.js';
import type { MemoryUsage } from './memory-budget.js';
import { MemoryIdempotencyStore } from './memory.idempotency-store.js';
import { setOperationId } from './operation-id.js';
import { RedisIdempotencyStore, type IdempotencyRedis } from './redis.idempotency-store.js';
import { captureResponse } from './response-capture.js';

const KEPT_HEADERS = [
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
/** Who is told this has done nothing yet, or may well try the same again. */
const NOT_FINAL = new Set([400, 401, 403, 408, 413, 415, 425, 429]);
const POLL_MS = 50;
const MAX_POLL_MS = 400;
const STORE_ATTEMPTS = 3;
const PRUNE_INTERVAL_MS = 600_000;

/** Lets a request through once, and knows its answer when it comes again. @publicApi */
@Injectable()
export class IdempotencyService {
  private readonly logger = new Logger('Idempotency');
  private readonly store: IdempotencyStore;
  private readonly keptHeaders: ReadonlySet<string>;
  private readonly outcomes;
  /** One look at the store serves all who wait for the same answer here. */
  private readonly watched = new Map<string, Promise<IdempotencyState>>();

  constructor(
    @Inject(IDEMPOTENCY_OPTIONS) private readonly options: IdempotencyModuleOptions,
    tasks: PeriodicTasks,
    @Optional() @Inject(REDIS) redis?: IdempotencyRedis,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.store =
      options.store ?? (redis ? new RedisIdempotencyStore(redis) : new MemoryIdempotencyStore(options.memory));
    if (this.store.prune) {
      const everyMs = options.pruneIntervalMs ?? PRUNE_INTERVAL_MS;
      tasks.add({ name: 'idempotency-pruning', everyMs, run: () => this.store.prune?.() });
    }
    this.keptHeaders = new Set([...KEPT_HEADERS, ...(options.headers ?? []).map((name) => name.toLowerCase())]);
    this.outcomes = metrics.counter({
      name: 'idempotency_requests_total',
      help: 'Requests with an idempotency key, by what became of them.',
      labelNames: ['outcome'],
    });
    if (!this.memoryUsage) return;
    metrics.gauge(
      { name: 'idempotency_memory_entries', help: 'Idempotency keys in the memory of this process.' },
      () => this.memoryUsage?.entries ?? 0,
    );
    metrics.gauge(
      { name: 'idempotency_memory_bytes', help: 'Bytes that these keys and their answers take, estimated.' },
      () => this.memoryUsage?.bytes ?? 0,
    );
  }

  /** What is in memory, where that is the store. @internal */
  get memoryUsage(): MemoryUsage | undefined {
    return this.store instanceof MemoryIdempotencyStore ? this.store.usage : undefined;
  }

  /**
   * The answer that the request has had before, or undefined where it has to be done now; its answer is then stored.
   *
   * @throws ProblemException `IDEMPOTENCY_KEY_MISSING`, `IDEMPOTENCY_KEY_INVALID`, `IDEMPOTENCY_KEY_REUSED`,
   * `IDEMPOTENCY_IN_PROGRESS`, `IDEMPOTENCY_OUTCOME_UNKNOWN`, `IDEMPOTENCY_UNAVAILABLE`
   */
  async admit(
    request: AdapterRequest,
    response: ServerResponse,
    route: IdempotentOptions,
  ): Promise<StoredAnswer | undefined> {
    const header = request.headers['idempotency-key'];
    if (header === undefined) {
      if (!route.required) return undefined;
      throw new ProblemException(
        'IDEMPOTENCY_KEY_MISSING',
        'Send an Idempotency-Key, such as a new UUID, and the same again with each repetition of this request.',
      );
    }
    const claim = this.claim(request, parseKey(String(header)), route);
    const state = await this.begin(claim);
    if (state.state !== 'started') {
      this.count(state.state === 'done' ? 'replayed' : state.state);
      return answerOf(state);
    }
    this.count(state.isTakeover ? 'taken_over' : 'started');
    if (state.isTakeover) this.warnOfTakeover(request);
    setOperationId(request, claim);
    this.follow(claim, request, response);
    return undefined;
  }

  private claim(request: AdapterRequest, key: string, route: IdempotentOptions): IdempotencyClaim {
    const caller = (this.options.callerOf ?? callerOf)(request);
    const isCallerKnown = this.options.callerOf !== undefined || hasIdentity(request.user);
    return {
      id: idOf(caller, request, key),
      caller: shareOf(caller, request),
      fingerprint: fingerprintOf(request, isCallerKnown),
      owner: randomUUID(),
      leaseMs: this.options.leaseMs ?? 30_000,
      ttlMs: route.ttlMs ?? this.options.ttlMs ?? 86_400_000,
      mayTakeOver: (route.afterCrash ?? this.options.afterCrash ?? 'execute') === 'execute',
    };
  }

  /** Begins, or waits a while for whoever has. */
  private async begin(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const deadline = performance.now() + (this.options.waitMs ?? 2_000);
    for (let pause = POLL_MS; ; pause = Math.min(pause * 2, MAX_POLL_MS)) {
      const state = await this.look(claim);
      if ('fingerprint' in state && state.fingerprint !== undefined && state.fingerprint !== claim.fingerprint) {
        this.count('reused');
        throw new ProblemException(
          'IDEMPOTENCY_KEY_REUSED',
          'This Idempotency-Key was sent before, with another request. Send a new key with a new request.',
        );
      }
      if (state.state !== 'running' || performance.now() + pause > deadline) return state;
      await sleep(pause);
    }
  }

  private look(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const watched = this.watched.get(claim.id);
    if (!watched) {
      const look = this.ask(claim).finally(() => this.watched.delete(claim.id));
      this.watched.set(claim.id, look);
      return look;
    }
    // Whoever was let through is another request than this one.
    return watched.then((state) => (state.state === 'started' ? { state: 'running', fingerprint: undefined } : state));
  }

  private async ask(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const begun = this.store.begin(claim);
    try {
      return await withTimeLimit(begun, this.options.storeTimeoutMs ?? 5_000);
    } catch (cause) {
      // Should it begin after all, nobody does the work.
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
          'No further Idempotency-Key can be kept at the moment, so this request was not done. Send it again later.',
          { cause, headers: { 'Retry-After': '60' } },
        );
      }
      this.count('unavailable');
      throw new ProblemException(
        'IDEMPOTENCY_UNAVAILABLE',
        'Whether this request has been done before cannot be found out now, so it was not done. Send it again later.',
        { cause, headers: { 'Retry-After': '5' } },
      );
    }
  }

  /** Gives signs of life while the request is worked on, and stores how it ends. */
  private follow(claim: IdempotencyClaim, request: AdapterRequest, response: ServerResponse): void {
    const endsAt = performance.now() + (this.options.maxRunMs ?? 600_000);
    const heartbeat = setInterval(() => {
      if (performance.now() > endsAt) clearInterval(heartbeat);
      // A sign that is lost is followed by another before the lease is over.
      else this.store.extend(claim).catch(() => undefined);
    }, claim.leaseMs / 3).unref();
    // A stored answer is for clients of every coding.
    withoutCompression(request);
    const settings = { headers: this.keptHeaders, maxBytes: this.options.maxBodyBytes ?? 1_048_576 };
    captureResponse(response, settings, async (answer) => {
      clearInterval(heartbeat);
      await this.settle(claim, answer);
    });
  }

  private async settle(claim: IdempotencyClaim, answer: StoredAnswer): Promise<void> {
    const isFinal = answer.status < 500 && !NOT_FINAL.has(answer.status);
    for (let attempt = 1; ; attempt++) {
      try {
        const timeoutMs = this.options.storeTimeoutMs ?? 5_000;
        if (!isFinal) await withTimeLimit(this.store.release(claim), timeoutMs);
        else if (!(await withTimeLimit(this.store.complete(claim, answer), timeoutMs)) && attempt === 1) {
          this.logger.error('A request outlived its lease and may have been done twice. Raise leaseMs');
        }
        return;
      } catch (error) {
        if (attempt < STORE_ATTEMPTS) continue;
        // It has been done; to tell the client otherwise would not undo it.
        this.logger.error({ err: error, msg: 'an answer could not be stored; a repetition may be done again' });
        return;
      }
    }
  }

  private warnOfTakeover(request: AdapterRequest): void {
    this.logger.warn(
      `${request.method} ${routePattern(request)}: an attempt ended with its process, and is begun again. ` +
        'What it had done outside of transactions is done twice',
    );
  }

  private count(outcome: string): void {
    this.outcomes.labels({ outcome }).add();
  }
}

function answerOf(state: Exclude<IdempotencyState, { state: 'started' }>): StoredAnswer {
  if (state.state === 'running') {
    throw new ProblemException(
      'IDEMPOTENCY_IN_PROGRESS',
      'The same request is being worked on. Send it again in a moment to get its answer.',
      { headers: { 'Retry-After': '1' } },
    );
  }
  if (state.state !== 'done') {
    throw new ProblemException(
      'IDEMPOTENCY_OUTCOME_UNKNOWN',
      'The same request was begun and broken off. Find out whether it took effect before you send it with a new key.',
    );
  }
  return state.answer;
}

/** Node's own response, on either adapter. */
export function rawResponse(response: { readonly raw?: ServerResponse }): ServerResponse {
  return response.raw ?? (response as unknown as ServerResponse);
}
