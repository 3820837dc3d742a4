import { expect, test } from 'vitest'
import { clientIpFinder } from '../../../../../src/tracker/frontend/http/clientIp.ts'

const find = clientIpFinder(['127.0.0.0/8', '10.0.0.0/8', 'fd00::/8'])
const clientIp = (socket: string | undefined, forwarded?: string) => find({ socket, forwarded }).text

test('without a header the socket is the client', () => {
  expect(clientIp('10.0.0.1')).toBe('10.0.0.1')
  expect(clientIp('::ffff:203.0.113.5')).toBe('203.0.113.5')
  expect(clientIp('fe80::1%eth0')).toBe('fe80::1')
})

test('the header of a stranger is not believed', () => {
  expect(clientIp('203.0.113.5', '198.51.100.1')).toBe('203.0.113.5')
  expect(clientIp('203.0.113.5', 'rubbish')).toBe('203.0.113.5')
})

test.each([
  ['198.51.100.1', '198.51.100.1'],
  ['1.1.1.1, 198.51.100.1', '198.51.100.1'],
  ['1.1.1.1, 198.51.100.1, 10.0.0.9', '198.51.100.1'],
  ['rubbish, 198.51.100.1 ,10.0.0.9', '198.51.100.1'],
  ['198.51.100.1:4711', '198.51.100.1'],
  ['[2001:db8::1]:4711', '2001:db8::1'],
  ['2001:db8::1, fd00::1', '2001:db8::1'],
  ['::ffff:198.51.100.1', '198.51.100.1'],
  ['10.0.0.8, 10.0.0.9', '10.0.0.8'],
])('from a proxy of ours "%s" means %s', (forwarded, wanted) => {
  expect(clientIp('127.0.0.1', forwarded)).toBe(wanted)
  expect(clientIp('::ffff:127.0.0.1', forwarded)).toBe(wanted)
})

test.each(['unknown', '198.51.100.1, rubbish', '198.51.100.1,', 'rubbish, 10.0.0.9'])(
  'from a proxy of ours "%s" cannot be parsed',
  (forwarded) => {
    expect(() => clientIp('127.0.0.1', forwarded)).toThrow('failed to parse peer IP address')
  },
)

test.each(['', ' '])('from a proxy of ours "%s" says nothing, and the client is the proxy', (forwarded) => {
  expect(clientIp('127.0.0.1', forwarded)).toBe('127.0.0.1')
})

test('a socket that is gone has no address', () => {
  expect(() => clientIp(undefined)).toThrow('failed to parse peer IP address')
})

test('a trusted proxy that is no network stops the start', () => {
  expect(() => clientIpFinder(['10.0.0.0/8', 'proxy.local'])).toThrow('proxy.local')
})
