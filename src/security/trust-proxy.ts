/**
 * The setting in the form that both adapters take: a number of hops becomes a function, because Fastify's types and
 * Express disagree on numbers, while both hand over the hop.
 */
export function trustProxyOption(
  trustProxy: number | readonly string[] | false,
): false | string[] | ((address: string, hop: number) => boolean) {
  if (trustProxy === false) return false;
  if (typeof trustProxy === 'number') return (_address, hop) => hop < trustProxy;
  return [...trustProxy];
}
