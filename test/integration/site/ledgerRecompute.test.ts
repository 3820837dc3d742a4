import { expect, test } from 'vitest'
import { anInfohash, aPasskey } from '../../support/builders/builders.ts'
import { anEntry } from '../../support/builders/trafficEntries.ts'
import { onEachDatabase } from '../../support/servers/ledgers.ts'

const H = 'run:replication'
const LARGEST = 2n ** 63n - 1n

/** Three users, of a producer that says no totals: it may claim anything. */
const THREE = [1, 2, 3].map((n) =>
  anEntry({ seq: n, passkey: aPasskey(n), du: n * 2 ** 48 + 1, dd: n, hasTotals: false }),
)
const THEIR_UPLOADS = 6n * 2n ** 48n + 3n

onEachDatabase('computing anew', ({ open }) => {
  test('agrees with the books to the byte, from the journal and from the stream', async () => {
    const ledger = await open()
    await ledger.settle(H, THREE)
    const total = {
      recomputedUploadedBytes: THEIR_UPLOADS,
      recomputedDownloadedBytes: 6n,
      bookedUploadedBytes: THEIR_UPLOADS,
      bookedDownloadedBytes: 6n,
    }
    const agreed = { total, differing: 0, differences: [] }
    expect(await ledger.recompute()).toMatchObject({ windows: agreed, users: agreed })
    const entries = (async function* () {
      yield THREE
    })()
    expect(await ledger.recompute({ entries })).toMatchObject({ windows: agreed, users: agreed })
  })

  test('names who differs, by one byte as by 2^62', async () => {
    const ledger = await open()
    await ledger.settle(H, THREE)
    const { db } = ledger.database
    const set = (n: number, columns: { uploaded?: bigint; downloaded?: bigint }) =>
      db.updateTable('pt_users').set(columns).where('passkey', '=', aPasskey(n)).execute()
    await set(1, { uploaded: 2n ** 48n })
    await set(3, { uploaded: 2n ** 62n, downloaded: 2n })
    await db.updateTable('pt_windows').set({ downloaded: 5n }).where('passkey', '=', aPasskey(2)).execute()
    const { windows, users } = (await ledger.recompute())!
    expect(users).toMatchObject({
      differing: 2,
      differences: [
        { passkey: aPasskey(1), recomputedUploadedBytes: 2n ** 48n + 1n, bookedUploadedBytes: 2n ** 48n },
        { passkey: aPasskey(3), recomputedDownloadedBytes: 3n, bookedDownloadedBytes: 2n },
      ],
    })
    expect(users.differences[1]).toMatchObject({ bookedUploadedBytes: 2n ** 62n })
    expect(windows).toMatchObject({
      differing: 1,
      differences: [{ passkey: aPasskey(2), recomputedDownloadedBytes: 2n, bookedDownloadedBytes: 5n }],
    })
    expect((await ledger.recompute({ limit: 1 }))!.users).toMatchObject({
      differing: 2,
      differences: [{ passkey: aPasskey(1) }],
    })
  })

  test('users who together moved more than 2^63 are added up', async () => {
    const ledger = await open()
    await ledger.settle(H, THREE)
    const uploaded = 2n ** 62n + 1n
    for (const table of ['pt_users', 'pt_user_torrents', 'pt_windows'] as const)
      await ledger.database.db.updateTable(table).set({ uploaded }).execute()
    const { windows, users } = (await ledger.recompute())!
    expect(users).toMatchObject({ differing: 0, total: { recomputedUploadedBytes: 3n * uploaded } })
    expect(windows).toMatchObject({
      differing: 3,
      total: { recomputedUploadedBytes: THEIR_UPLOADS, bookedUploadedBytes: 3n * uploaded },
    })
  })

  test('a window beyond 2^63 - 1 stops there as the books do, and a user too', async () => {
    const ledger = await open()
    const du = 2 ** 50 // as much as one claim may be
    const entries = Array.from({ length: 17_000 }, (_, n) =>
      anEntry({ seq: n, du, infohash: anInfohash(n % 2), hasTotals: false }),
    )
    for (let at = 0; at < entries.length; at += 4_000) await ledger.settle(H, entries.slice(at, at + 4_000))
    const { windows, users } = (await ledger.recompute())!
    expect(users).toMatchObject({
      differing: 0,
      total: { recomputedUploadedBytes: 2n * LARGEST, bookedUploadedBytes: LARGEST },
    })
    expect(windows).toMatchObject({
      differing: 0,
      total: { recomputedUploadedBytes: 2n * LARGEST, bookedUploadedBytes: 2n * LARGEST },
    })
  })
})
