import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Bytes that are no request are answered after the requests before them (RFC 9112, 9.3.2), and nothing is served after that. */
export class AnswersInOrder {
  readonly #newest = new WeakMap<Duplex, ServerResponse>()
  readonly #ending = new WeakSet<Duplex>()

  /** @returns false when the connection is at its end: the request came too late */
  admit(socket: Duplex, outgoing: ServerResponse): boolean {
    if (this.#ending.has(socket)) return false
    this.#newest.set(socket, outgoing)
    return true
  }

  /** Says the connection's last word once every answer before it is on its way. */
  afterAll(socket: Duplex, answer: () => void): void {
    if (this.#ending.has(socket)) return
    this.#ending.add(socket)
    const newest = this.#newest.get(socket) // answers go in order: after this one all have gone
    if (newest === undefined || newest.closed) answer()
    else newest.once('close', answer)
  }
}
