const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isUuid(id: string): boolean {
  return UUID.test(id);
}

/** Makes two spellings of one user id equal: a UUID has no capital letters. Other ids are exact. */
export function normalizeUserId(id: string): string {
  return isUuid(id) ? id.toLowerCase() : id;
}
