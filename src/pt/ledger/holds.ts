import type { Books } from './books.ts'
import { text } from './sessionRows.ts'
import type { Tx } from './transaction.ts'

/** @returns the hold that takes a user's bytes for a torrent; empty for none */
export type HoldOf = (passkey: string, infohash: string) => string

/**
 * The active holds on these users, locked until the transaction ends: none is released while bytes are on
 * their way to it. One on a torrent goes before one on all of the user's torrents.
 */
export async function holdsOf(
  tx: Tx,
  { reads }: Books,
  users: readonly { readonly passkey: string }[],
): Promise<HoldOf> {
  if ((await tx.rows(reads.hasHolds)).length === 0) return () => ''
  const passkeys = [...new Set(users.map(({ passkey }) => passkey))].sort().map((passkey) => [passkey])
  const holds = new Map<string, string>()
  for (const row of await tx.rows(reads.holds, JSON.stringify(passkeys))) {
    const key = `${text(row.passkey)} ${text(row.infohash)}`
    if (!holds.has(key)) holds.set(key, text(row.hold))
  }
  return (passkey, infohash) => holds.get(`${passkey} ${infohash}`) ?? holds.get(`${passkey} `) ?? ''
}
