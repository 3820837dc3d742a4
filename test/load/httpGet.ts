import { get } from 'node:http'

/**
 * One GET to 127.0.0.1 on a connection of its own.
 *
 * @param path with its query; sent as it is
 * @returns the body. Rejects when the answer is not 200
 */
export function httpGet(port: number, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks))
        else reject(new Error(`the tracker answered HTTP ${response.statusCode}`))
      })
    })
    request.on('error', reject)
  })
}

/** @param infohash 40 hex digits */
export function scrapePath(infohash: string): string {
  return `/scrape?info_hash=${infohash.replace(/../g, '%$&')}`
}
