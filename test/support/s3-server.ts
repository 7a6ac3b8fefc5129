import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { signHeaders, type S3Credentials } from '../../src/audit/integrity/s3-signature.js';

const PAGE = 2;

/** A part of S3: it stores each object once, lists objects in pages, and checks signatures. */
export class S3Server {
  readonly objects = new Map<string, string>();
  lists = 0;
  private readonly server: Server;

  private constructor(private readonly credentials: S3Credentials) {
    this.server = createServer((request, response) => {
      void this.answer(request).then(({ status, body = '' }) => response.writeHead(status).end(body));
    });
  }

  static async start(credentials: S3Credentials): Promise<S3Server> {
    const started = new S3Server(credentials);
    started.server.listen(0, '127.0.0.1');
    await once(started.server, 'listening');
    return started;
  }

  url(bucket: string, prefix = ''): string {
    const { port } = this.server.address() as AddressInfo;
    const { accessKeyId, secretAccessKey, region } = this.credentials;
    const user = `${encodeURIComponent(accessKeyId)}:${encodeURIComponent(secretAccessKey)}`;
    return `http://${user}@127.0.0.1:${port}/${bucket}/${encodeURIComponent(prefix)}?region=${region}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage): Promise<{ status: number; body?: string }> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', `http://${headers.host}`);
    const body = await text(request);
    if (!this.isSigned(method, url, headers as Record<string, string>, body))
      return { status: 403, body: 'SignatureDoesNotMatch' };
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    if (url.searchParams.has('list-type')) return { status: 200, body: this.list(url.searchParams) };
    if (method === 'GET') {
      const object = this.objects.get(key);
      return object === undefined ? { status: 404 } : { status: 200, body: object };
    }
    if (headers['if-none-match'] === '*' && this.objects.has(key)) return { status: 412, body: 'PreconditionFailed' };
    this.objects.set(key, body);
    return { status: 200 };
  }

  private isSigned(method: string, url: URL, headers: Record<string, string>, body: string): boolean {
    const time = headers['x-amz-date'] ?? '';
    const now = new Date(time.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
    const own = Object.fromEntries(Object.entries(headers).filter(([name]) => name === 'if-none-match'));
    const expected = signHeaders({ method, url, headers: own, body, now }, this.credentials)['authorization'];
    return headers['authorization'] === expected;
  }

  private list(query: URLSearchParams): string {
    this.lists++;
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    if (query.get('delimiter') === '/') return this.folders(prefix, keys);
    const page = keys.slice(0, PAGE);
    const escaped = (key: string) => key.replaceAll('&', '&amp;');
    const entries = page.map((key) => `<Contents><Key>${escaped(key)}</Key></Contents>`).join('');
    const next =
      keys.length > PAGE ? `<NextContinuationToken>${escaped(page.at(-1) ?? '')}</NextContinuationToken>` : '';
    return `<?xml version="1.0"?><ListBucketResult>${entries}${next}</ListBucketResult>`;
  }

  private folders(prefix: string, keys: readonly string[]): string {
    const folders = keys
      .map((key) => key.slice(0, key.indexOf('/', prefix.length) + 1))
      .filter((folder) => folder.length > prefix.length);
    const entries = [...new Set(folders)].map(
      (folder) => `<CommonPrefixes><Prefix>${folder}</Prefix></CommonPrefixes>`,
    );
    return `<?xml version="1.0"?><ListBucketResult>${entries.join('').replaceAll('&', '&amp;')}</ListBucketResult>`;
  }
}
