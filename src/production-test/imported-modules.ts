import { Injectable, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SkipCheck } from '../reports/index.js';

type Token<T> = symbol | (abstract new (...values: never[]) => T);

/** A provider of a module of the suite. */
export interface SuiteProvider<T> {
  /** Name of the module that provides it. */
  readonly module: string;
  /** Loads the token. The folder of a module is loaded only here, because its packages may not be installed. */
  readonly load: () => Promise<Token<T>>;
}

/** What to do if a module of the suite is missing. */
export const describeMissing = (module: string): string =>
  `${module} is not imported: add ${module}.forRoot({ … }) to the imports of the root module`;

/** Finds the modules of the suite that the application imports, in any of its modules. */
@Injectable()
export class ImportedModules {
  constructor(private readonly moduleRef: ModuleRef) {}

  /** Returns undefined if the application does not import the module. */
  async find<T>({ load }: SuiteProvider<T>): Promise<T | undefined> {
    // A module whose packages are not installed cannot be imported by the application either.
    const token = await load().catch(() => undefined);
    if (token === undefined) return undefined;
    try {
      return this.moduleRef.get<T>(token as Type<T>, { strict: false });
    } catch {
      return undefined;
    }
  }

  /** @throws SkipCheck that names the module to import */
  async require<T>(provider: SuiteProvider<T>): Promise<T> {
    const found = await this.find(provider);
    if (found === undefined) throw new SkipCheck(describeMissing(provider.module));
    return found;
  }
}
