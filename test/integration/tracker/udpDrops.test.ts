import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, expect, test } from 'vitest'
import { udpDrops } from '../../../src/runtime/udpDrops.ts'

const PACKETS = 2_000
const receiver = createSocket({ type: 'udp4', recvBufferSize: 4_096 })
const sender = createSocket('udp4')
afterAll(() => [receiver, sender].forEach((socket) => void socket.close()))

test('what the system drops for lack of room is counted', async () => {
  receiver.bind(0, '127.0.0.1')
  await once(receiver, 'listening')
  const before = await udpDrops()
  // Nothing is read before this loop ends, and the buffer holds but a few.
  const packet = Buffer.alloc(1_000)
  const sent = Array.from({ length: PACKETS }, () => {
    return new Promise<void>((resolve) =>
      sender.send(packet, receiver.address().port, '127.0.0.1', () => resolve()),
    )
  })
  await Promise.all(sent)
  expect((await udpDrops())! - before!).toBeGreaterThan(0)
})
