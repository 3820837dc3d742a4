/** A reply that must be a flat list of integers. Throws TypeError otherwise: that is our bug, or another script's. */
export function integers(reply: unknown): number[] {
  if (!Array.isArray(reply) || !reply.every(Number.isSafeInteger))
    throw new TypeError('reply is not a list of integers')
  return reply
}
