import { DigestStore } from './digest.store.js';
import { formatManifest, parseManifest } from './store-manifest.js';
import { signHeaders, type S3Credentials } from './s3-signature.js';

const MANIFEST = 'manifest.json';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const TIMEOUT_MS = 10_000;

/** An unexpected response of the S3 store. */
class S3Error extends Error {}

/**
 * Stores each digest as an object in a bucket of S3 or of a compatible service. An object is never overwritten
 * (`If-None-Match: *`). Enable Object Lock for the bucket, and allow the application's key only PutObject, GetObject
 * and ListBucket.
 *
 * It does not use the AWS SDK, because that has about a hundred packages, and the store sends only three kinds of
 * requests.
 *
 * @publicApi
 */
export class S3DigestStore extends DigestStore {
  private readonly base: URL;
  private readonly prefix: string;
  private readonly credentials: S3Credentials;

  /** @param url `https://KEY:SECRET@endpoint/bucket/prefix?region=eu-central-1` */
  constructor(url: string) {
    super();
    const parsed = new URL(url);
    const [bucket = '', ...prefix] = parsed.pathname.split('/').filter(Boolean);
    this.base = new URL(`/${bucket}`, parsed.origin);
    this.prefix = prefix.map((part) => `${decodeURIComponent(part)}/`).join('');
    this.credentials = {
      accessKeyId: decodeURIComponent(parsed.username),
      secretAccessKey: decodeURIComponent(parsed.password),
      region: parsed.searchParams.get('region') ?? 'us-east-1',
    };
  }

  async last(log: string): Promise<string | undefined> {
    let last: string | undefined;
    for await (const key of this.keys(log)) last = key;
    return last === undefined ? undefined : this.get(last);
  }

  async append(log: string, seq: number, line: string): Promise<void> {
    const key = `${this.folderOf(log)}${String(seq).padStart(12, '0')}.json`;
    const { status, text } = await this.send('PUT', key, { body: line, headers: { 'if-none-match': '*' } });
    if (status === 200) return;
    // Another replica was faster, or the response to an earlier attempt of this replica was lost.
    if (status === 412 || status === 409) {
      if ((await this.get(key)) === line) return;
      throw new S3Error(`${key} exists already, and contains another digest`);
    }
    throw new S3Error(`PUT ${key} failed with status ${status}: ${text.slice(0, 300)}`);
  }

  async *lines(log: string): AsyncGenerator<string> {
    for await (const key of this.keys(log)) yield await this.get(key);
  }

  async logs(): Promise<readonly string[]> {
    const logs: string[] = [];
    for await (const text of this.pages({ prefix: this.prefix, delimiter: '/' })) {
      for (const [, folder = ''] of text.matchAll(/<CommonPrefixes>\s*<Prefix>([^<]*)</g)) {
        const name = unescapeXml(folder).slice(this.prefix.length, -1);
        // The bucket may contain other objects.
        if (UUID.test(name)) logs.push(name);
      }
    }
    return logs;
  }

  async pinned(): Promise<string | undefined> {
    const { status, text } = await this.send('GET', this.prefix + MANIFEST);
    if (status === 200) return parseManifest(text);
    if (status === 404) return undefined;
    throw new S3Error(`GET ${MANIFEST} failed with status ${status}: ${text.slice(0, 300)}`);
  }

  async pin(log: string): Promise<void> {
    const request = { body: formatManifest(log), headers: { 'if-none-match': '*' } };
    const { status, text } = await this.send('PUT', this.prefix + MANIFEST, request);
    // Another replica was faster.
    if (status === 200 || status === 412 || status === 409) return;
    throw new S3Error(`PUT ${MANIFEST} failed with status ${status}: ${text.slice(0, 300)}`);
  }

  private async *keys(log: string): AsyncGenerator<string> {
    for await (const text of this.pages({ prefix: this.folderOf(log) })) {
      for (const [, key = ''] of text.matchAll(/<Key>([^<]*)<\/Key>/g)) yield unescapeXml(key);
    }
  }

  /** The pages of a list request. */
  private async *pages(listing: Record<string, string>): AsyncGenerator<string> {
    for (let token: string | undefined; ;) {
      const query = { 'list-type': '2', ...listing, ...(token && { 'continuation-token': token }) };
      const { status, text } = await this.send('GET', '', { query });
      if (status !== 200)
        throw new S3Error(`the list request for digests failed with status ${status}: ${text.slice(0, 300)}`);
      yield text;
      token = /<NextContinuationToken>([^<]*)</.exec(text)?.[1];
      if (token === undefined) return;
      token = unescapeXml(token);
    }
  }

  private async get(key: string): Promise<string> {
    const { status, text } = await this.send('GET', key);
    if (status !== 200) throw new S3Error(`GET ${key} failed with status ${status}: ${text.slice(0, 300)}`);
    return text;
  }

  private async send(
    method: string,
    key: string,
    {
      body,
      query = {},
      headers = {},
    }: { body?: string; query?: Record<string, string>; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; text: string }> {
    const url = new URL(this.base);
    if (key !== '') url.pathname += `/${key.split('/').map(encodeURIComponent).join('/')}`;
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const signed = signHeaders({ method, url, headers, body: body ?? '', now: new Date() }, this.credentials);
    const init = {
      method,
      headers: signed,
      // The signature is valid for one host, so redirects are not followed.
      redirect: 'manual' as const,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body }),
    };
    const answer = await fetch(url, init);
    return { status: answer.status, text: await answer.text() };
  }

  private folderOf(log: string): string {
    return `${this.prefix}${log}/`;
  }
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescapeXml = (text: string) =>
  text.replace(/&(amp|lt|gt|quot|apos);/g, (_all, name: string) => ENTITIES[name] ?? '');
