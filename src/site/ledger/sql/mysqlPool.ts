import type { Socket } from 'node:net'
import type { Pool } from 'mysql2'

type Done = (error: unknown, result: unknown) => void

/** What a connection of mysql2 has; its own types leave the socket out. */
interface Connection {
  readonly stream: Socket
  query(sql: string, values: unknown, done: Done): unknown
  on(event: 'error', listener: () => void): unknown
}

/** How long a server may take to close its connections. */
const CLOSE_MS = 2_000

/**
 * Bounds what a pool of mysql2 waits for on a server that answers nothing any more: for each statement, and for the end of the
 * pool. The connections are cut then, and what waits on them fails.
 */
export function boundWaits(pool: Pool, statementTimeoutMs: number): void {
  const sockets = new Set<Socket>()
  pool.on('connection', (pooled) => {
    const connection = pooled as unknown as Connection
    const { stream } = connection
    sockets.add(stream)
    stream.once('close', () => sockets.delete(stream))
    connection.on('error', () => {}) // fails the query that is made on it as well
    boundStatements(connection, statementTimeoutMs)
  })
  const end = pool.end.bind(pool)
  pool.end = (done = () => {}) => {
    const patience = setTimeout(() => {
      for (const socket of sockets) cut(socket)
      done(null)
    }, CLOSE_MS)
    end(() => {
      clearTimeout(patience) // an error says that a connection was lost, and then it is closed
      done(null)
    })
  }
}

/** mysql2 has a timer too, which goes on after the connection was lost and keeps the process alive. */
function boundStatements(connection: Connection, timeoutMs: number): void {
  const query = connection.query.bind(connection)
  connection.query = (sql, values, done) => {
    const timer = setTimeout(() => cut(connection.stream), timeoutMs)
    return query(sql, values, (error, result) => {
      clearTimeout(timer)
      done(error, result)
    })
  }
}

function cut(socket: Socket): void {
  const error = new Error('the connection was cut: the server did not answer')
  socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }))
}
