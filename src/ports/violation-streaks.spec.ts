import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuditTrail, type AuditInput } from './audit-trail.js';
import { currentContext, RequestContext, runWithContext } from '../context/request-context.js';
import { ViolationStreaks } from './violation-streaks.js';

const MINUTE_MS = 60_000;

class RecordingTrail extends AuditTrail {
  readonly told: { metadata: Record<string, unknown>; requestId: string | undefined }[] = [];

  record({ metadata }: AuditInput): void {
    this.told.push({ metadata: { ...metadata }, requestId: currentContext()?.requestId });
  }
}

describe('violations', () => {
  let trail: RecordingTrail;
  let streaks: ViolationStreaks;
  const add = (subject: string, requestId = 'r', client = subject) =>
    runWithContext(new RequestContext(requestId), () =>
      streaks.add({ rule: 'address', subject, client, metadata: { code: 'C' } }),
    );

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'],
      now: 0,
    });
    vi.advanceTimersByTime(2 * MINUTE_MS);
    trail = new RecordingTrail();
    streaks = new ViolationStreaks(trail);
  });
  afterEach(() => {
    streaks.onModuleDestroy();
    vi.useRealTimers();
  });

  it('are told when they begin and, with their count and of no request, when they have ended', () => {
    for (let i = 0; i < 5; i++) add('192.0.2.1', `r${i}`);
    expect(trail.told).toEqual([{ metadata: { rule: 'address', code: 'C' }, requestId: 'r0' }]);
    vi.advanceTimersByTime(2 * MINUTE_MS);
    const end = { rule: 'address', code: 'C', subject: '192.0.2.1', count: 5, since: '1970-01-01T00:02:00.000Z' };
    expect(trail.told.slice(1)).toEqual([{ metadata: { ...end, ended: true }, requestId: undefined }]);
    expect(vi.getTimerCount()).toBe(0);
    add('192.0.2.1', 'again');
    expect(trail.told[2]?.requestId).toBe('again');
  });

  it('that stay single are told once', () => {
    add('192.0.2.1');
    vi.advanceTimersByTime(2 * MINUTE_MS);
    expect(trail.told).toHaveLength(1);
  });

  it('of one client are no part of the streak of another', () => {
    add('192.0.2.1');
    add('192.0.2.2');
    expect(trail.told).toHaveLength(2);
  });

  it('are at most sixty events a minute, and the number of those left out is told', () => {
    for (let i = 0; i < 100; i++) add(`192.0.2.${i}`);
    expect(trail.told).toHaveLength(60);
    vi.advanceTimersByTime(2 * MINUTE_MS);
    expect(trail.told.slice(60)).toEqual([
      { metadata: { rule: 'many', unreported: 40, clients: [] }, requestId: undefined },
    ]);
  });

  it('are remembered of a thousand clients, and none is left out uncounted', () => {
    for (let i = 0; i < 1_500; i++) {
      add(`2001:db8:0:${i.toString(16)}::1`);
      add(`2001:db8:0:${i.toString(16)}::1`);
    }
    streaks.onModuleDestroy();
    const counted = trail.told.reduce(
      (total, { metadata: { ended, count, unreported } }) =>
        total + Number(unreported ?? (ended === true ? Number(count) - 1 : 1)),
      0,
    );
    expect(counted).toBe(3_000);
    expect(trail.told.length).toBeLessThanOrEqual(2 * 60 + 1);
  });

  it('of a client that makes up subjects do not hide those of another client', () => {
    for (let i = 0; i < 1_000; i++) add(`https://made-up-${i}.example`, 'attack', '192.0.2.66');
    add('https://evil.example', 'victim', '192.0.2.7');
    expect(trail.told.filter(({ requestId }) => requestId === 'attack')).toHaveLength(10);
    expect(trail.told.filter(({ requestId }) => requestId === 'victim')).toHaveLength(1);
    vi.advanceTimersByTime(MINUTE_MS);
    const clients = [{ client: '192.0.2.66', count: 990 }];
    expect(trail.told.at(-1)?.metadata).toEqual({ rule: 'many', unreported: 990, clients });
  });

  it('of one IPv6 network are those of one client', () => {
    for (let i = 0; i < 50; i++) add(`origin ${i}`, 'r', `2001:db8:0:${i % 2}::${i.toString(16)}`);
    expect(trail.told).toHaveLength(20);
  });

  it('that have been counted are told when the process ends', () => {
    for (let i = 0; i < 3; i++) add('192.0.2.1');
    streaks.onModuleDestroy();
    expect(trail.told[1]?.metadata).toMatchObject({ count: 3, ended: true });
  });
});
