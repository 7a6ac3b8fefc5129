/** The options with all defaults applied; services inject them. @internal */
export const THROTTLER_SETTINGS = Symbol('bulwark.throttler.settings');
