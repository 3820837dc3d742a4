import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests of one connection that are served at once. Clients do not pipeline; proxies at most a few. */
const MOST_UNDER_WAY = 8

interface Pipeline {
  underWay: number
  /** Read already, in the same segment as those before. */
  readonly waiting: (() => void)[]
}

/**
 * Bounds what one connection can have the tracker do at once. While it has more requests under way than the bound,
 * further ones wait and nothing more is read from it. An answer that the client does not read counts as under way.
 */
export class PipelineLimit {
  readonly #pipelines = new WeakMap<Socket, Pipeline>()

  /** Calls `serve` at once or when earlier requests of the connection are done; never if it closes before. */
  admit(socket: Socket, outgoing: ServerResponse, serve: () => void): void {
    const pipeline = this.#pipelineOf(socket)
    outgoing.once('close', () => this.#finished(socket, pipeline))
    if (pipeline.underWay < MOST_UNDER_WAY) {
      pipeline.underWay++
      serve()
      return
    }
    pipeline.waiting.push(serve)
    socket.pause()
  }

  #finished(socket: Socket, pipeline: Pipeline): void {
    if (socket.destroyed) {
      pipeline.waiting.length = 0
      return
    }
    const next = pipeline.waiting.shift()
    if (next) {
      next()
      return
    }
    pipeline.underWay--
    socket.resume()
  }

  #pipelineOf(socket: Socket): Pipeline {
    let pipeline = this.#pipelines.get(socket)
    if (!pipeline) {
      pipeline = { underWay: 0, waiting: [] }
      this.#pipelines.set(socket, pipeline)
    }
    return pipeline
  }
}
