/** The options with every default filled in; services see these. @internal */
export const THROTTLER_SETTINGS = Symbol('bulwark.throttler.settings');
