import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { PipelineLimit } from '../../../../../src/tracker/frontend/http/pipelineLimit.ts'

function setUp() {
  const limit = new PipelineLimit()
  const socket = new Socket()
  const served: number[] = []
  const answers = Array.from({ length: 10 }, (_, i) => {
    const answer = new EventEmitter() as ServerResponse
    limit.admit(socket, answer, () => served.push(i))
    return answer
  })
  return { socket, served, answers }
}

test('past the bound requests wait and the connection is not read, until those before are answered', () => {
  const { socket, served, answers } = setUp()
  expect([served.length, socket.isPaused()]).toEqual([8, true])
  answers[0]!.emit('close')
  expect([served.at(-1), socket.isPaused()]).toEqual([8, true])
  for (const answer of answers.slice(1)) answer.emit('close')
  expect([served, socket.isPaused()]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], false])
})

test('what waits on a connection that is gone is not served', () => {
  const { socket, served, answers } = setUp()
  socket.destroy()
  for (const answer of answers) answer.emit('close')
  expect(served).toHaveLength(8)
})
