import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isKnownPrivateKey, passwordWeaknessOf, weaknessOf } from './secret-strength.js';

/** One secret in the value of a variable. */
interface HeldSecret {
  readonly text: string | Buffer;
  /** Which of several it is, as the message names it. */
  readonly name?: string;
  /** The account that a password belongs to. */
  readonly account?: string;
  /** Only reads what was written with it before. A stronger one cannot take its place, so that a start goes on. */
  readonly isRetired?: boolean;
}

/** What is wrong with a secret, and which one it is. */
export interface SecretWeakness {
  readonly cause: string;
  readonly isRetired: boolean;
}

/** The secrets in the value of a variable. Production refuses weak ones. */
export interface SecretUse {
  /** The command that makes a good one. */
  readonly remedy: string;
  /** The weak secrets of a parsed value. */
  weaknessesOf(value: unknown, account?: string): SecretWeakness[];
}

export const NEW_SECRET = 'make one with: openssl rand -base64 48';
const NEW_PASSWORD = 'make one with: openssl rand -base64 18';
/** In hexadecimal, which a URL takes as it is. */
const NEW_URL_PASSWORD = 'make one with: openssl rand -hex 24';
const NEW_PRIVATE_KEY = 'make one with: openssl genpkey -algorithm ed25519';

const MINIMUM_PASSWORD_LENGTH = 8;

type Judge = (secret: HeldSecret) => string | undefined;

/** @param harm what somebody could do who guessed the secret */
function use<T>(remedy: string, harm: string, secretsIn: (value: T) => HeldSecret[], judge: Judge): SecretUse {
  return {
    remedy,
    weaknessesOf: (value, account) =>
      secretsIn(value as T).flatMap((secret) => {
        const weakness = judge({ account, ...secret });
        if (weakness === undefined) return [];
        const name = secret.name === undefined ? '' : `${secret.name} `;
        return [{ cause: `${name}${weakness}; ${harm}`, isRetired: secret.isRetired === true }];
      }),
  };
}

const isRandom: Judge = ({ text }) => weaknessOf(text);

/** The whole value is random. */
export function randomSecret(harm: string): SecretUse {
  return use<string>(NEW_SECRET, harm, (text) => [{ text }], isRandom);
}

/** The first of a list is in use; the others only read what was written with them. */
export function firstOfRandomSecrets(harm: string): SecretUse {
  const held = (items: string[]) =>
    items.map((text, at) => ({ text, name: `secret ${at + 1} of ${items.length}`, isRetired: at > 0 }));
  return use(NEW_SECRET, harm, held, isRandom);
}

/** A list of secrets that are in use no more. */
export function retiredSecrets(harm: string): SecretUse {
  const held = (items: string[]) =>
    items
      .filter((text) => text !== 'none')
      .map((text, at) => ({ text, name: `secret ${at + 1} of ${items.length}`, isRetired: true }));
  return use(NEW_SECRET, harm, held, isRandom);
}

/** A private key in PEM; of these only the printed examples are weak. What is none has a rule of its own. */
export function privateKey(harm: string): SecretUse {
  const judge: Judge = ({ text }) =>
    isKnownPrivateKey(scalarOfPem(String(text))) ? 'is a printed example' : undefined;
  return use<string>(NEW_PRIVATE_KEY, harm, (text) => [{ text }], judge);
}

/** A file with a JWK Set. Each secret in it signs or verifies, so that all have to be strong. */
export function keySetFile(harm: string): SecretUse {
  const remedy = 'make a key ring with: npx nest-bulwark keys rotate --file NEW_FILE --step add';
  const judge: Judge = ({ text }) =>
    typeof text === 'string' ? (isKnownPrivateKey(text) ? 'is a printed example' : undefined) : weaknessOf(text);
  return use<string>(remedy, harm, keysOfFile, judge);
}

/** The password of an account of this application. */
export function accountPassword(harm: string): SecretUse {
  const judge: Judge = ({ text, account }) => passwordWeaknessOf(String(text), account);
  return use<string>(NEW_PASSWORD, harm, (text) => [{ text }], judge);
}

/** The password in the URL of a server. Without one there is nothing to judge: a server may know its clients otherwise. */
export function urlPassword(harm: string): SecretUse {
  const judge: Judge = ({ text, account }) =>
    text.length < MINIMUM_PASSWORD_LENGTH
      ? `has fewer than ${MINIMUM_PASSWORD_LENGTH} characters`
      : passwordWeaknessOf(String(text), account);
  return use<string>(NEW_URL_PASSWORD, harm, passwordOfUrl, judge);
}

function passwordOfUrl(url: string): HeldSecret[] {
  const [, authority = '', query = ''] = /^[^:]+:\/\/([^/?#]*)[^?#]*(.*)$/s.exec(url) ?? [];
  const end = authority.lastIndexOf('@');
  const [, user = '', password = ''] = /^([^:]*)(?::(.*))?$/s.exec(authority.slice(0, Math.max(end, 0))) ?? [];
  const parameters = new URLSearchParams(query.replace(/#.*/s, ''));
  // pg takes a parameter for the user information.
  const text = parameters.get('password') ?? decoded(password);
  const account = parameters.get('user') ?? decoded(user);
  return text === '' ? [] : [{ text, name: 'its password', account }];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface JsonWebKey {
  readonly kty?: unknown;
  readonly k?: unknown;
  readonly d?: unknown;
  readonly kid?: unknown;
}

/** What is wrong with the file itself, AuthModule says. */
function keysOfFile(path: string): HeldSecret[] {
  let keys: unknown;
  try {
    ({ keys } = JSON.parse(readFileSync(path, 'utf8')) as { keys?: unknown });
  } catch {
    return [];
  }
  if (!Array.isArray(keys)) return [];
  return (keys as (JsonWebKey | null)[]).flatMap((key, at): HeldSecret[] => {
    const name = typeof key?.kid === 'string' ? `key "${key.kid}"` : `key ${at + 1}`;
    if (key?.kty === 'oct') return [{ text: Buffer.from(typeof key.k === 'string' ? key.k : '', 'base64url'), name }];
    return typeof key?.d === 'string' ? [{ text: key.d, name }] : [];
  });
}

function scalarOfPem(pem: string): string | undefined {
  try {
    return createPrivateKey(pem).export({ format: 'jwk' }).d;
  } catch {
    return undefined;
  }
}
