import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Ledger } from '../../src/pt/ledger/ledger.ts'
import { startSqlServer, stopSqlServers } from '../support/sqlServers.ts'

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('a ledger on %s', (kind) => {
  let url = 'sqlite::memory:'

  beforeAll(async () => {
    if (kind !== 'sqlite') url = await (await startSqlServer(kind)).newDatabase()
  }, 120_000)
  afterAll(stopSqlServers)

  test('knows no floor of a history it has not seen', async () => {
    const ledger = await Ledger.open(url)
    expect(await ledger.floorOf('a history')).toBeUndefined()
    await ledger.closeUpTo('a history', '12-3')
    expect(await ledger.floorOf('a history')).toBe('12-3')
    await ledger.close()
  })
})
