import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Bytes that are no request are answered after the requests before them (RFC 9112, 9.3.2), and nothing is served after that. */
export class AnswersInOrder {
  readonly #open = new WeakMap<Duplex, number>()
  readonly #last = new WeakMap<Duplex, () => void>()

  /** @returns false when the connection is at its end: the request came too late */
  admit(socket: Duplex, outgoing: ServerResponse): boolean {
    if (this.#last.has(socket)) return false
    this.#open.set(socket, (this.#open.get(socket) ?? 0) + 1)
    outgoing.once('close', () => {
      const open = this.#open.get(socket)! - 1
      this.#open.set(socket, open)
      if (open === 0) this.#last.get(socket)?.()
    })
    return true
  }

  /** Says the connection's last word once every answer before it is on its way. */
  afterAll(socket: Duplex, answer: () => void): void {
    if (this.#last.has(socket)) return
    this.#last.set(socket, answer)
    if (!this.#open.get(socket)) answer()
  }
}
