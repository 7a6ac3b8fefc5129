import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuditTrail, type AuditInput } from './audit-trail.js';
import { currentContext, RequestContext, runWithContext } from '../context/request-context.js';
import { ViolationStreaks } from './violation-streaks.js';

const MINUTE_MS = 60_000;

class RecordingTrail extends AuditTrail {
  readonly recorded: { metadata: Record<string, unknown>; requestId: string | undefined }[] = [];

  record({ metadata }: AuditInput): void {
    this.recorded.push({ metadata: { ...metadata }, requestId: currentContext()?.requestId });
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

  it('are recorded when a streak begins, and with their count and without a request when it has ended', () => {
    for (let i = 0; i < 5; i++) add('192.0.2.1', `r${i}`);
    expect(trail.recorded).toEqual([{ metadata: { rule: 'address', code: 'C' }, requestId: 'r0' }]);
    vi.advanceTimersByTime(2 * MINUTE_MS);
    const end = { rule: 'address', code: 'C', subject: '192.0.2.1', count: 5, since: '1970-01-01T00:02:00.000Z' };
    expect(trail.recorded.slice(1)).toEqual([{ metadata: { ...end, ended: true }, requestId: undefined }]);
    expect(vi.getTimerCount()).toBe(0);
    add('192.0.2.1', 'again');
    expect(trail.recorded[2]?.requestId).toBe('again');
  });

  it('that happen once are recorded once', () => {
    add('192.0.2.1');
    vi.advanceTimersByTime(2 * MINUTE_MS);
    expect(trail.recorded).toHaveLength(1);
  });

  it('of two clients are two streaks', () => {
    add('192.0.2.1');
    add('192.0.2.2');
    expect(trail.recorded).toHaveLength(2);
  });

  it('record at most sixty events a minute, and then the number of dropped events', () => {
    for (let i = 0; i < 100; i++) add(`192.0.2.${i}`);
    expect(trail.recorded).toHaveLength(60);
    vi.advanceTimersByTime(2 * MINUTE_MS);
    expect(trail.recorded.slice(60)).toEqual([
      { metadata: { rule: 'many', unreported: 40, clients: [] }, requestId: undefined },
    ]);
  });

  it('are tracked for at most a thousand clients, and every violation is counted', () => {
    for (let i = 0; i < 1_500; i++) {
      add(`2001:db8:0:${i.toString(16)}::1`);
      add(`2001:db8:0:${i.toString(16)}::1`);
    }
    streaks.onModuleDestroy();
    const counted = trail.recorded.reduce(
      (total, { metadata: { ended, count, unreported } }) =>
        total + Number(unreported ?? (ended === true ? Number(count) - 1 : 1)),
      0,
    );
    expect(counted).toBe(3_000);
    expect(trail.recorded.length).toBeLessThanOrEqual(2 * 60 + 1);
  });

  it('of a client that invents subjects do not hide violations of another client', () => {
    for (let i = 0; i < 1_000; i++) add(`https://made-up-${i}.example`, 'attack', '192.0.2.66');
    add('https://evil.example', 'victim', '192.0.2.7');
    expect(trail.recorded.filter(({ requestId }) => requestId === 'attack')).toHaveLength(10);
    expect(trail.recorded.filter(({ requestId }) => requestId === 'victim')).toHaveLength(1);
    vi.advanceTimersByTime(MINUTE_MS);
    const clients = [{ client: '192.0.2.66', count: 990 }];
    expect(trail.recorded.at(-1)?.metadata).toEqual({ rule: 'many', unreported: 990, clients });
  });

  it('from one IPv6 network count as one client', () => {
    for (let i = 0; i < 50; i++) add(`origin ${i}`, 'r', `2001:db8:0:${i % 2}::${i.toString(16)}`);
    expect(trail.recorded).toHaveLength(20);
  });

  it('that have been counted are recorded when the process ends', () => {
    for (let i = 0; i < 3; i++) add('192.0.2.1');
    streaks.onModuleDestroy();
    expect(trail.recorded[1]?.metadata).toMatchObject({ count: 3, ended: true });
  });
});
