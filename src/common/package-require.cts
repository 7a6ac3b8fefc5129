/**
 * `require` of this package. It finds the packages that an application has installed beside this one, also where the
 * application's own folder cannot, as in a monorepo.
 *
 * This file is CommonJS, because ES modules get `require` from `import.meta` only, which Jest cannot convert to CommonJS.
 * It contains no type annotation, because Vitest does not compile `.cts` files.
 */
export const packageRequire = require;
