import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LedgerUnavailable } from '../../../src/runtime/errors.ts'
import { type Ledger, openLedger } from '../../../src/site/ledger/ledger.ts'
import { anEntry } from '../../support/builders/trafficEntries.ts'
import { temporaryFolder } from '../../support/programs/trackerProcesses.ts'

const folder = temporaryFolder()
const ledgers: Ledger[] = []
afterAll(() => Promise.all(ledgers.map((ledger) => ledger.close())))

async function open(path: string): Promise<{ ledger: Ledger; warnings: string[] }> {
  const warnings: string[] = []
  const ledger = await openLedger(`sqlite://${path}`, { warn: (text) => warnings.push(text) })
  ledgers.push(ledger)
  return { ledger, warnings }
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('the file holds every passkey', () => {
  const umask = process.umask()
  afterAll(() => void process.umask(umask))

  test.each(['0000', '0022', '0077'])(
    'it and the files beside it are for its owner alone under umask %s',
    async (mask) => {
      process.umask(mask)
      const path = join(folder, `mask${mask}.db`)
      const { warnings } = await open(path)
      expect(['', '-wal', '-shm'].map((suffix) => modeOf(path + suffix))).toEqual(['600', '600', '600'])
      expect(warnings).toEqual([])
    },
  )

  test('one that exists keeps its mode, with a warning when others may read it', async () => {
    const path = join(folder, 'shared.db')
    await (await open(path)).ledger.close()
    expect((await open(path)).warnings).toEqual([])
    chmodSync(path, 0o640)
    expect((await open(path)).warnings).toEqual([expect.stringMatching(/has mode 0640: others .* chmod 600/)])
    expect(modeOf(path)).toBe('640')
  })
})

async function untilItFails(work: () => Promise<unknown>): Promise<unknown> {
  try {
    for (;;) await work()
  } catch (error) {
    return error
  }
}

/** Without the right to mount one (root on Linux), there is nothing to test on. */
const mount = join(folder, 'small')
const VOLUME_BYTES = 16 * 1024 * 1024
const hasVolume = (() => {
  mkdirSync(mount)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${VOLUME_BYTES}`, 'tmpfs', mount], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
afterAll(() => {
  if (hasVolume) execFileSync('umount', ['--lazy', mount])
})

describe.skipIf(!hasVolume)('a volume of 16 MiB', () => {
  const path = join(mount, 'ledger.db')
  let ledger: Ledger
  beforeAll(async () => {
    ;({ ledger } = await open(path))
  })

  let settled = 0
  /** Entries of one session, so that the tables hardly grow and only the log would. */
  const settle = (entries: number) =>
    ledger.settle(
      'life',
      Array.from({ length: entries }, () =>
        anEntry({ ms: 1_800_000_000_000 + settled, du: 1, up: ++settled }),
      ),
    )

  test('the log of writes stays small on it', async () => {
    for (let batch = 0; batch < 60; batch++) {
      await settle(50)
      await ledger.closeUpTo('life', `${1_800_000_000_000 + settled - 1}-0`)
    }
    expect(statSync(`${path}-wal`).size).toBeLessThan(VOLUME_BYTES / 8)
  })

  test('a full disk is said to be full, nothing is half written, and it heals when there is room', async () => {
    const filler = join(mount, 'filler')
    const before = await ledger.userTotals(anEntry({}).event.passkey)
    expect(() => writeFileSync(filler, Buffer.alloc(VOLUME_BYTES))).toThrow(/ENOSPC/)
    const failure = await untilItFails(() => settle(50))
    expect(failure).toBeInstanceOf(LedgerUnavailable)
    expect(String(failure)).toMatch(/the disk is full/)
    rmSync(filler)
    const { settled: now } = await settle(50)
    expect(now).toBe(50)
    const after = await ledger.userTotals(anEntry({}).event.passkey)
    expect(after!.announces - before!.announces).toBeGreaterThanOrEqual(50n)
  })
})
