import { createHmac, createSign, generateKeyPairSync, type JsonWebKey } from 'node:crypto';

export interface DecodedToken {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  parts: [header: string, claims: string, signature: string];
}

/** Decodes a JWT (RFC 7519) without verification. Returns undefined for any other kind of token. */
export function decodeToken(token: string): DecodedToken | undefined {
  const [header, claims, signature, ...rest] = token.split('.');
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0) return undefined;
  try {
    return { header: parsePart(header), claims: parsePart(claims), parts: [header, claims, signature] };
  } catch {
    return undefined;
  }
}

const parsePart = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
const encodePart = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function createUnsignedToken(header: object, claims: object, signature = ''): string {
  return `${encodePart(header)}.${encodePart(claims)}.${signature}`;
}

export function signWithHmac(header: object, claims: object, secret: string | Buffer): string {
  const content = `${encodePart(header)}.${encodePart(claims)}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

/** Creates a token that is signed with a key in its own header (RFC 7515, section 4.1.3). */
export function signWithEmbeddedKey(header: object, claims: object): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk: JsonWebKey = publicKey.export({ format: 'jwk' });
  const content = `${encodePart({ ...header, alg: 'ES256', jwk })}.${encodePart(claims)}`;
  const signature = createSign('sha256').update(content).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}

/** Secrets from tutorials, templates and documentation. */
const KNOWN_SECRETS = [
  'secret',
  'Secret',
  'SECRET',
  'secretKey',
  'secret-key',
  'secret_key',
  'mysecret',
  'my-secret',
  'my_secret',
  'supersecret',
  'super-secret',
  'super_secret',
  'supersecretkey',
  'topsecret',
  'top-secret',
  'jwtsecret',
  'jwt-secret',
  'jwt_secret',
  'JWT_SECRET',
  'jwtConstants',
  'jwt',
  'key',
  'private',
  'privatekey',
  'password',
  'Password',
  'pass',
  'changeme',
  'change-me',
  'change_me',
  'CHANGEME',
  'CHANGE_ME',
  'default',
  'test',
  'testing',
  'dev',
  'development',
  'example',
  'nest',
  'nestjs',
  'node',
  'express',
  'app',
  'admin',
  'root',
  '123456',
  '12345678',
  '1234567890',
  'qwerty',
  'your-secret',
  'your-secret-key',
  'your_secret_key',
  'yoursecret',
  'your-256-bit-secret',
  'your-384-bit-secret',
  'a-string-secret-at-least-256-bits-long',
  'shhhhh',
  'shhhhhhared-secret',
  'keyboard cat',
  'hard!to-guess_secret',
  'DO NOT USE THIS VALUE. INSTEAD, CREATE A COMPLEX SECRET AND KEEP IT SAFE OUTSIDE OF THE SOURCE CODE.',
  'somesecret',
  'some-secret',
  'verysecret',
  'very-secret',
  'verysecretkey',
  'very_secret_key',
  'thisisasecret',
  'thisismysecret',
  'accesssecret',
  'access-secret',
  'access_secret',
  'refreshsecret',
  'at-secret',
  'rt-secret',
  'dev-secret',
  'dev_secret',
  'development-secret',
  'test-secret',
  'production-secret',
  'insecure',
  'insecure-secret',
  'notsecret',
  'not-secret',
  'foo',
  'bar',
  'foobar',
  'hello',
  'helloworld',
  'letmein',
  'abc123',
  'none',
  'null',
  '',
];

/** Finds the secret of an HS256 token in the list of known secrets. It tests locally and sends nothing. */
export function findKnownSecret({ header, parts: [head, claims, signature] }: DecodedToken): string | undefined {
  if (header.alg !== 'HS256') return undefined;
  const isSignedBy = (secret: string) =>
    createHmac('sha256', secret).update(`${head}.${claims}`).digest('base64url') === signature;
  return KNOWN_SECRETS.find(isSignedBy);
}
