import { createInstallLine } from './install-line.js';

/**
 * Loads an optional package, where it is first used.
 *
 * @param purpose what needs the package, for the message
 * @throws Error with the command that installs the package
 */
export async function loadPackage<T>(name: string, purpose: string): Promise<T> {
  try {
    // The name is a variable, so that the types of a package that may be absent are not needed.
    return (await import(name)) as T;
  } catch (cause) {
    throw new Error(`${purpose} needs the package ${name}. Install it: ${createInstallLine([name])}`, { cause });
  }
}
