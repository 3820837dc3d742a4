import { Socket } from 'node:net'
import type { Command, Redis } from 'ioredis'

const TIMED_OUT = 'Command timed out'

/**
 * Resets the connection when a command on it has timed out: the caller was told that it failed, so its bytes must not
 * reach Redis later. The client would keep them queued. Commands in flight fail with the connection, and it is made anew.
 *
 * A process that stood still finds the timer due before the answers that lie in its socket. With no byte left to send, it
 * reads once before it resets.
 */
export function resetOnTimeout(redis: Redis): void {
  const send = redis.sendCommand.bind(redis)
  redis.sendCommand = (command: Command, ...rest) => {
    const { stream } = redis
    const { reject } = command
    command.reject = (error: Error) => {
      reject(error)
      if (error.message === TIMED_OUT && stream instanceof Socket && stream === redis.stream)
        resetUnlessAnswering(stream)
    }
    return send(command, ...rest)
  }
}

function resetUnlessAnswering(socket: Socket): void {
  if (socket.writableLength > 0) {
    reset(socket)
    return
  }
  const { bytesRead } = socket
  setImmediate(() => {
    if (socket.bytesRead === bytesRead) reset(socket)
  })
}

/** TCP is reset, so that the kernel drops what it has not sent; TLS and unix sockets know closing only. */
function reset(socket: Socket): void {
  if (socket.destroyed) return
  try {
    socket.resetAndDestroy()
  } catch {
    socket.destroy()
  }
}
