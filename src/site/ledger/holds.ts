import type { ParkedSums } from './accounting/batchSums.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { parkedRow } from './rows.ts'
import { text } from './sessionRows.ts'
import { amount } from './sql/cells.ts'
import type { Tx } from './sql/transaction.ts'

/** @returns the hold that takes a user's bytes for a torrent; empty for none */
export type HoldOf = (passkey: string, infohash: string) => string

/**
 * The active holds on these users, locked until the transaction ends: none is released while bytes are on
 * their way to it. One on a torrent goes before one on all of the user's torrents.
 */
export async function holdsOf(
  tx: Tx,
  { reads }: LedgerContext,
  users: readonly { readonly passkey: string }[],
): Promise<HoldOf> {
  if ((await tx.rows(reads.hasHolds)).length === 0) return () => ''
  const passkeys = [...new Set(users.map(({ passkey }) => passkey))].sort().map((passkey) => ({ passkey }))
  const holds = new Map<string, string>()
  for (const row of await tx.find(reads.holds, passkeys)) {
    const key = `${text(row.passkey)} ${text(row.infohash)}`
    if (!holds.has(key)) holds.set(key, text(row.hold))
  }
  return (passkey, infohash) => holds.get(`${passkey} ${infohash}`) ?? holds.get(`${passkey} `) ?? ''
}

/** Adds bytes to holds that `holdsOf` has locked, torrent by torrent: a release gives each torrent its own back. */
export async function park(tx: Tx, { writes }: LedgerContext, parked: readonly ParkedSums[]): Promise<void> {
  const sums = new Map<string, { uploaded: bigint; downloaded: bigint }>()
  for (const { hold, uploaded, downloaded } of parked) {
    const sum = sums.get(hold) ?? { uploaded: 0n, downloaded: 0n }
    sums.set(hold, { uploaded: sum.uploaded + uploaded, downloaded: sum.downloaded + downloaded })
  }
  for (const [hold, { uploaded, downloaded }] of sums)
    await tx.run(writes.addToHold, amount(uploaded), amount(downloaded), hold)
  await tx.write(writes.parked, parked.map(parkedRow))
}
