/** What a digest store keeps about itself: the trail it belongs to. */
export function manifestOf(log: string): string {
  return `${JSON.stringify({ version: 1, log })}\n`;
}

/** @throws Error where the text is no manifest */
export function pinnedIn(text: string): string {
  let manifest: { log?: unknown } | undefined;
  try {
    manifest = JSON.parse(text) as typeof manifest;
  } catch {
    // Told below.
  }
  if (typeof manifest?.log === 'string') return manifest.log;
  throw new Error('the manifest of the digest store cannot be read; restore it, or name the trail by AUDIT_LOG_ID');
}
