import { createHmac, createSign, generateKeyPairSync, type JsonWebKey } from 'node:crypto';

export interface DecodedToken {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  parts: [header: string, claims: string, signature: string];
}

/** The parts of a JWT (RFC 7519), unverified; undefined for any other kind of token. */
export function decode(token: string): DecodedToken | undefined {
  const [header, claims, signature, ...rest] = token.split('.');
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0) return undefined;
  try {
    return { header: object(header), claims: object(claims), parts: [header, claims, signature] };
  } catch {
    return undefined;
  }
}

const object = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function unsigned(header: object, claims: object, signature = ''): string {
  return `${part(header)}.${part(claims)}.${signature}`;
}

export function signedByHmac(header: object, claims: object, secret: string | Buffer): string {
  const content = `${part(header)}.${part(claims)}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

/** Signed with a key that the token itself brings along (RFC 7515, 4.1.3). */
export function signedByOwnKey(header: object, claims: object): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk: JsonWebKey = publicKey.export({ format: 'jwk' });
  const content = `${part({ ...header, alg: 'ES256', jwk })}.${part(claims)}`;
  const signature = createSign('sha256').update(content).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}

/** Secrets of tutorials, starters and documentation. */
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

/** The secret of an HS256 token, if it is one that everybody knows. Tried here; nothing is sent. */
export function knownSecretOf({ header, parts: [head, claims, signature] }: DecodedToken): string | undefined {
  if (header.alg !== 'HS256') return undefined;
  const isSignedBy = (secret: string) =>
    createHmac('sha256', secret).update(`${head}.${claims}`).digest('base64url') === signature;
  return KNOWN_SECRETS.find(isSignedBy);
}
