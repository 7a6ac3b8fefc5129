/**
 * `require` of this package. It finds the packages that an application has installed beside this one, also where the
 * application's own folder cannot, as in a monorepo.
 *
 * This file is CommonJS, because ES modules get `require` from `import.meta` only. Jest and other tools that convert
 * modules to CommonJS cannot convert `import.meta`.
 */
export const packageRequire: NodeJS.Require = require;
