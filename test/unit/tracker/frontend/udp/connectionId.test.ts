import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOf } from '../../../../../src/bittorrent/address.ts'
import {
  type ConnectionIdOptions,
  createConnectionIds,
} from '../../../../../src/tracker/frontend/udp/connectionId.ts'
import { anIpv4, anIpv6 } from '../../../../support/builders/builders.ts'

const NOON = 1_800_000_000
let nowSeconds = NOON

function ids(options: Partial<ConnectionIdOptions> = {}) {
  return createConnectionIds({
    privateKey: 'key of the fleet',
    previousPrivateKeys: [],
    lifetimeSeconds: 120,
    maxClockSkewSeconds: 10,
    nowSeconds: () => nowSeconds,
    ...options,
  })
}

function issuedAt(seconds: number, options: Partial<ConnectionIdOptions> = {}, address = anIpv4()) {
  return ids({ nowSeconds: () => seconds, ...options }).issue(address)
}

function isValidAt(seconds: number, id: Buffer, options: Partial<ConnectionIdOptions> = {}) {
  return ids({ nowSeconds: () => seconds, ...options }).isValid(id, anIpv4())
}

test('an ID is 4 bytes of time and 4 of the HMAC of time and address', () => {
  for (const address of [anIpv4(), anIpv6()]) {
    const time = Buffer.alloc(4)
    time.writeUInt32BE(NOON)
    const mac = createHmac('sha256', 'key of the fleet').update(time).update(address.bytes).digest()
    expect(issuedAt(NOON + 0.9, {}, address)).toEqual(Buffer.concat([time, mac.subarray(0, 4)]))
  }
})

test('an ID is valid on another instance with the same key', () => {
  expect(ids().isValid(ids().issue(anIpv4()), anIpv4())).toBe(true)
  expect(ids().isValid(ids().issue(anIpv6()), anIpv6())).toBe(true)
})

test('an ID is refused from any other address', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      const isOwn = addressOf(bytes).text === anIpv4().text
      expect(ids().isValid(issuedAt(NOON), addressOf(bytes))).toBe(isOwn)
    }),
  )
  expect(ids().isValid(issuedAt(NOON), anIpv6())).toBe(false)
})

test('an ID lives as long as configured, to the second', () => {
  const id = issuedAt(NOON)
  expect(isValidAt(NOON + 120, id)).toBe(true)
  expect(isValidAt(NOON + 120.001, id)).toBe(false)
  expect(isValidAt(NOON + 600, id, { lifetimeSeconds: 600 })).toBe(true)
})

test('an ID from the future is valid within the clock skew alone', () => {
  expect(isValidAt(NOON, issuedAt(NOON + 10))).toBe(true)
  expect(isValidAt(NOON, issuedAt(NOON + 11))).toBe(false)
  expect(isValidAt(NOON, issuedAt(NOON + 1), { maxClockSkewSeconds: 0 })).toBe(false)
})

test('an ID under an unknown key is refused', () => {
  expect(isValidAt(NOON, issuedAt(NOON, { privateKey: 'another key' }))).toBe(false)
})

test('an ID under a previous key is accepted, and none is signed with it any more', () => {
  const rotated = { privateKey: 'new key', previousPrivateKeys: ['older key', 'key of the fleet'] }
  expect(isValidAt(NOON, issuedAt(NOON), rotated)).toBe(true)
  expect(isValidAt(NOON, issuedAt(NOON, { privateKey: 'older key' }), rotated)).toBe(true)
  expect(isValidAt(NOON, issuedAt(NOON, rotated))).toBe(false)
  expect(isValidAt(NOON, issuedAt(NOON, rotated), { privateKey: 'new key' })).toBe(true)
})

test('an ID with one bit changed is refused', () => {
  const id = issuedAt(NOON)
  for (let bit = 0; bit < 64; bit++) {
    const changed = Buffer.from(id)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    expect(isValidAt(NOON, changed)).toBe(false)
  }
})

test('a clock moved by hand moves the ID', () => {
  nowSeconds = NOON + 1
  expect(ids().issue(anIpv4()).readUInt32BE(0)).toBe(NOON + 1)
})
