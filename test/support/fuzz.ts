/** Random choices that are the same for the same seed (mulberry32). */
export class Dice {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

const METHODS = ['GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'SEARCH', 'PURGE'];
const NAMES = [
  'email',
  'password',
  'name',
  'refreshToken',
  'token',
  'roles',
  'id',
  'limit',
  'cursor',
  'q',
  'from',
  'code',
];
const ODD_NAMES = [
  '__proto__',
  'constructor',
  'toString',
  '$ne',
  'a.b',
  '',
  'a[b]',
  'a[]',
  '\u0000',
  'é',
  '0',
  'length',
];
const TEXTS = [
  '',
  'someone@example.com',
  'correct horse battery',
  '00000000-0000-4000-8000-000000000000',
  "' OR 1=1 --",
  '../../etc/passwd',
  '<script>alert(1)</script>',
  '${jndi:ldap://x}',
  '{{7*7}}',
  'a\r\nX-Injected: 1',
  '\u0000',
  '\ud800',
  '\u202e',
  '😀'.repeat(50),
  'x'.repeat(5_000),
  '1e309',
  '-1',
  '2999-13-45T99:99:99Z',
];
const TYPES = [
  'application/json',
  'application/json',
  'application/json',
  'application/json; charset=utf-8',
  'application/x-www-form-urlencoded',
  'application/vnd.api+json',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  '',
  ';',
  'application/json\t;;;',
];
const HEADERS: readonly (readonly [name: string, values: readonly string[]])[] = [
  ['Accept-Encoding', ['gzip', 'br, gzip;q=0.1', '*;q=0', 'gzip;q=x', ',,,', 'identity']],
  ['Accept', ['application/json', 'text/html', '*/*;q=', 'x']],
  ['Authorization', ['Bearer x', 'Bearer a.b.c', 'Basic YTpi', 'Bearer', 'Bearer eyJhbGciOiJub25lIn0.e30.', '']],
  ['Cookie', ['a=b', '__Host-session=x; __Host-session=y', ';;;=', 'a'.repeat(3_000)]],
  ['X-Api-Key', ['x', 'nbw_test_x', 'k'.repeat(200)]],
  ['X-Forwarded-For', ['1.2.3.4', 'garbage', '::1, 1.1.1.1', ',']],
  ['X-Forwarded-Proto', ['https', 'x']],
  ['X-Request-Id', ['safe-id-1234', '<x>', 'y'.repeat(100)]],
  ['Origin', ['https://evil.example', 'null', 'x']],
  ['If-None-Match', ['*', '"a"', 'W/"x", "y"', '"']],
  ['If-Match', ['*', '"a"', 'x']],
  ['Range', ['bytes=0-1', 'bytes=9-1', 'x']],
  ['Idempotency-Key', ['"one"', 'one', '', 'x'.repeat(300)]],
  ['Content-Encoding', ['gzip', 'identity', 'br']],
  ['Expect', ['100-continue', '200-maybe']],
  ['traceparent', ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x']],
  ['Upgrade', ['h2c', 'websocket']],
  ['X-HTTP-Method-Override', ['DELETE', 'x']],
  ['Access-Control-Request-Method', ['POST', 'x y']],
  ['Content-Language', ['\u00ff\u00fe', 'x']],
];
const TRICKS = [
  '/',
  '//',
  '/./',
  '/../',
  ';a=b',
  '%2f',
  '%00',
  '%',
  '%zz',
  '%c0%af',
  '.',
  '\\',
  '?',
  '??',
  '#',
  '%25',
  '*',
  '/x',
];

/** Creates random requests: some are valid, most are almost valid, and a few are not HTTP. */
export class RequestFuzzer {
  constructor(
    private readonly dice: Dice,
    private readonly paths: readonly string[],
  ) {}

  /** The bytes of one connection: complete requests. The last one may be garbage. */
  connection(requests: number): { bytes: Buffer; isWhole: boolean } {
    const isWhole = this.dice.chance(0.9);
    const all = Array.from({ length: requests }, (_, i) =>
      i === requests - 1 && !isWhole ? Buffer.from(this.garbage(), 'latin1') : this.request(i === requests - 1),
    );
    return { bytes: Buffer.concat(all), isWhole };
  }

  /** @param isLast whether it is the last request of its connection, which then asks to close the connection */
  private request(isLast: boolean): Buffer {
    const { dice } = this;
    const method = dice.of(METHODS);
    const body = dice.chance(method === 'GET' || method === 'HEAD' ? 0.05 : 0.8) ? this.body() : undefined;
    const lines = [`${method} ${this.target()} HTTP/1.${dice.chance(0.02) && isLast ? 0 : 1}`, 'Host: localhost'];
    lines.push(...dice.times(4, () => this.header()));
    if (isLast) lines.push('Connection: close');
    if (body === undefined) return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    lines.push(`Content-Type: ${dice.of(TYPES)}`);
    if (dice.chance(0.3)) return this.chunked(lines, body);
    lines.push(`Content-Length: ${body.length}`);
    return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
  }

  private chunked(lines: string[], body: Buffer): Buffer {
    const parts: Buffer[] = [Buffer.from(`${[...lines, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n`, 'latin1')];
    for (let at = 0; at < body.length;) {
      const chunk = body.subarray(at, at + 1 + this.dice.below(body.length));
      parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
      at += chunk.length;
    }
    return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
  }

  private target(): string {
    const { dice } = this;
    let path = dice
      .of(this.paths)
      .replaceAll(/\{[^{}]*\}/g, () => encodeURIComponent(dice.of(TEXTS).toWellFormed().slice(0, 300)));
    for (const trick of dice.times(2, () => dice.of(TRICKS))) {
      const at = dice.chance(0.5) ? path.length : dice.below(path.length + 1);
      if (dice.chance(0.4)) path = path.slice(0, at) + trick + path.slice(at);
    }
    if (dice.chance(0.1)) path = path.toUpperCase();
    if (dice.chance(0.02)) path = `/${'a'.repeat(dice.below(9_000))}`;
    const query = dice.times(3, () => `${encodeURIComponent(this.name().toWellFormed())}=${this.escaped()}`);
    return path.replaceAll(/[^\x21-\x7e]/g, '') + (query.length > 0 ? `?${query.join('&')}` : '');
  }

  private escaped(): string {
    const text = encodeURIComponent(this.dice.of(TEXTS).toWellFormed().slice(0, 1_000));
    return this.dice.chance(0.1) ? `${text}%` : text;
  }

  private header(): string {
    const [name, values] = this.dice.of(HEADERS);
    return `${name}: ${this.dice.of(values)}`;
  }

  private name(): string {
    return this.dice.of(this.dice.chance(0.8) ? NAMES : ODD_NAMES);
  }

  private body(): Buffer {
    const { dice } = this;
    const json = JSON.stringify(this.value(0));
    const kind = dice.next();
    if (kind < 0.6) return Buffer.from(json);
    if (kind < 0.7) return Buffer.from(json.slice(0, dice.below(json.length + 1)));
    if (kind < 0.8) return Buffer.from(dice.times(5, () => `${this.name()}=${this.escaped()}`).join('&'));
    if (kind < 0.9) return Buffer.from(dice.times(200, () => dice.below(256)));
    if (kind < 0.95) return Buffer.from('['.repeat(dice.below(300)));
    return Buffer.from(json.replaceAll('"', dice.of(["'", '\\"', '"'])));
  }

  private value(depth: number): unknown {
    const { dice } = this;
    const kind = dice.next();
    if (depth === 0 || (kind < 0.3 && depth < 5)) {
      return Object.fromEntries(dice.times(6, () => [this.name(), this.value(depth + 1)]));
    }
    if (kind < 0.4) return dice.times(4, () => this.value(depth + 1));
    if (kind < 0.8) return dice.of(TEXTS);
    return dice.of([0, -1, 1e308, 1.5, true, false, null, Number.MAX_SAFE_INTEGER + 2]);
  }

  private garbage(): string {
    const { dice } = this;
    const bytes = dice.times(100, () => String.fromCodePoint(dice.below(256))).join('');
    return dice.of([
      bytes,
      `GET ${bytes} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${bytes}\r\n\r\n`,
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${bytes}\r\n`,
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length + 5}\r\n\r\n${bytes}`,
      `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'a'.repeat(20_000)}\r\n\r\n`,
    ]);
  }
}
