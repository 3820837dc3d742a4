import { expect, test } from 'vitest'
import { sumDrops } from '../../../src/runtime/udpDrops.ts'

const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  290: 00000000:1B39 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 17
  291: 0100007F:1B3A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4243 2 0000000000000000 5
`

test("drops are those of the process' own sockets", () => {
  expect(sumDrops(TABLE, new Set(['4242']))).toBe(17)
  expect(sumDrops(TABLE, new Set(['4242', '4243']))).toBe(22)
  expect(sumDrops(TABLE, new Set())).toBe(0)
})
