import { DERIVED_SETTINGS, type DerivedSettings } from './derived-settings.js';
import { VARIABLE_NAMES, VARIABLES, type Variables, type VariableSettings } from './variables.js';

/** A limit of `limit` requests in a window of `ttlMs` milliseconds. */
export interface TierLimit {
  readonly limit: number;
  readonly ttlMs: number;
}

type ReadonlyValue<T> = T extends readonly (infer Item)[] ? readonly Item[] : T extends object ? Readonly<T> : T;

/** `{ 'http.port': number }` as `{ http: { port: number } }`. */
type Nested<Paths> = {
  readonly [Head in keyof Paths as Head extends `${infer Group}.${string}` ? Group : Head]: Head extends keyof Paths
    ? Head extends `${infer Group}.${string}`
      ? Nested<GroupOf<Paths, Group>>
      : ReadonlyValue<Paths[Head]>
    : never;
};

type GroupOf<Paths, Group extends string> = {
  [Path in keyof Paths as Path extends `${Group}.${infer Rest}` ? Rest : never]: Paths[Path];
};

type Settings = Nested<VariableSettings & DerivedSettings>;

/**
 * The configuration of the reference application: every variable parsed, grouped by the module that reads it, frozen.
 * Durations are milliseconds, sizes bytes. Each setting is described where its variable is declared, in `variables/`.
 *
 * @publicApi
 */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the constructor sets every path of Settings
export interface AppConfig extends Settings {}

export class AppConfig {
  constructor(values: Variables) {
    for (const name of VARIABLE_NAMES) {
      const { setting } = VARIABLES[name];
      if (setting !== undefined) setPath(this, setting, values[name]);
    }
    for (const [path, derive] of Object.entries(DERIVED_SETTINGS)) setPath(this, path, derive(values));
    deepFreeze(this);
  }
}

/** `setPath(object, 'http.port', 80)` sets `object.http.port`, and creates `object.http` where it is missing. */
function setPath(object: object, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let group = object as Record<string, unknown>;
  for (const name of names) group = (group[name] ??= {}) as Record<string, unknown>;
  group[last] = value;
}

function deepFreeze(value: object): void {
  Object.freeze(value);
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  }
}
