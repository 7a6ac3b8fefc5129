/** The manifest of a digest store. It contains the id of the trail that owns the store. */
export function formatManifest(log: string): string {
  return `${JSON.stringify({ version: 1, log })}\n`;
}

/** @throws Error if the text is not a manifest */
export function parseManifest(text: string): string {
  let manifest: { log?: unknown } | undefined;
  try {
    manifest = JSON.parse(text) as typeof manifest;
  } catch {
    // The error below reports it.
  }
  if (typeof manifest?.log === 'string') return manifest.log;
  throw new Error(
    'the manifest of the digest store is not valid; restore it, or set AUDIT_LOG_ID to the id of the trail',
  );
}
