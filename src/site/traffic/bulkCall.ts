import type { Redis } from 'ioredis'
import { encodeCommand } from '../../redis/script.ts'
import { type Reply, ReplyReader } from './replyReader.ts'

/**
 * Sends commands and reads their answers past the client's own reader, for answers of many short texts. The client goes on
 * to connect, to authenticate and to reconnect; its connection must be used for nothing else.
 *
 * @param commands words in ASCII
 * @returns one reply a command, and the bytes of all; errors that Redis answers with are ReplyErrors among them. Throws Error when the
 *   connection is not there, breaks, or is silent for `timeoutMs`, which breaks it.
 */
export function bulkCall(
  redis: Redis,
  commands: readonly (readonly string[])[],
  timeoutMs: number,
): Promise<{ replies: Reply[]; bytes: number }> {
  const { stream } = redis
  if (redis.status !== 'ready' || stream.destroyed)
    return Promise.reject(new Error('there is no connection to Redis'))
  const usual = stream.listeners('data') as ((chunk: Buffer) => void)[]
  const reader = new ReplyReader()
  const replies: Reply[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    const finish = (error: Error | undefined) => {
      clearTimeout(timer)
      stream.off('data', onData).off('close', onClose)
      for (const listener of usual) stream.on('data', listener)
      if (!error) return resolve({ replies, bytes })
      stream.destroy() // an answer that comes later is for nobody
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      timer.refresh()
      bytes += chunk.length
      try {
        replies.push(...reader.push(chunk))
      } catch (error) {
        return finish(error as Error)
      }
      if (replies.length >= commands.length) finish(undefined)
    }
    const onClose = () => finish(new Error('Connection is closed.'))
    const timer = setTimeout(() => finish(new Error('Command timed out')), timeoutMs)
    stream.removeAllListeners('data').on('data', onData).on('close', onClose)
    stream.write(Buffer.concat(commands.map(encodeCommand)))
  })
}
