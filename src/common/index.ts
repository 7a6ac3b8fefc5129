export { uuidv7 } from './uuid.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { type DroppedEvents, EventBudget, clientNetwork } from './event-budget.js';
/** @internal */
export {
  type InstallOptions,
  PACKAGE_MANAGERS,
  type PackageManager,
  type PeerSelection,
  collectPeers,
  createInstallLine,
} from './install-line.js';
/** @internal */
export { loadPackage } from './load-package.js';
/** @internal */
export { type FeaturePeers, HTTP_ADAPTER_NAMES, type HttpAdapterName, MODULE_PEERS } from './module-peers.js';
/** @internal */
export { packageRequire } from './package-require.cjs';
/** @internal */
export { isSameSecret } from './same-secret.js';
/** @internal */
export { REDACTED, isSecretName, normalizeName, redactSecrets } from './secret-shapes.js';
/** @internal */
export { type Streak, Streaks } from './streaks.js';
/** @internal */
export { withTimeLimit } from './time-limit.js';
